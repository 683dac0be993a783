//! shell: whoever opens the address of a form by a link, or reloads it, is led to the page that has the form.

use axum::extract::RawQuery;
use axum::http::Uri;
use axum::response::Redirect;

use super::asked_for;
use crate::web::views::links::link;

/// Leads to that page, which says that nothing was done.
pub async fn to_form(address: Uri, RawQuery(query): RawQuery) -> Redirect {
    let form = asked_for(query);
    Redirect::to(&page_of(address.path(), form.get("schedule"), form.get("id")))
}

/// The page of a form, with the word of what it says.
fn page_of(path: &str, schedule: Option<&str>, id: Option<&str>) -> String {
    let (page, word) = match (path, id) {
        ("/calls/find", _) => ("/calls", "find-by-form"),
        ("/appointment/reveal", None) => ("/calls", "reveal-by-button"),
        (path, Some(id)) if path.starts_with("/appointment/") => {
            return link("/appointment", &[("schedule", schedule), ("id", Some(id)), ("done", Some("by-link"))]);
        }
        (path, _) if path.starts_with("/calls/") || path.starts_with("/appointment/") => ("/calls", "by-link"),
        (path, _) if path.starts_with("/held/") => ("/held", "by-link"),
        (path, _) if path.starts_with("/opt-outs/") => ("/opt-outs", "by-link"),
        (_, _) => ("/", "by-link"),
    };
    link(page, &[("done", Some(word))])
}

#[cfg(test)]
mod tests {
    use super::page_of;
    use crate::web::routes::ROUTES;

    #[test]
    fn every_form_has_a_page_of_its_own_to_which_its_address_leads() {
        let forms = ROUTES.iter().filter(|route| route.method == axum::http::Method::POST);
        let led: Vec<String> =
            forms.map(|route| format!("{} {}", route.path, page_of(route.path, None, None))).collect();
        let expected = [
            "/calls/find /calls?done=find-by-form",
            "/calls/export /calls?done=by-link",
            "/appointment/reveal /calls?done=reveal-by-button",
            "/appointment/cancel /calls?done=by-link",
            "/appointment/opt-out /calls?done=by-link",
            "/pause /?done=by-link",
            "/resume /?done=by-link",
            "/held/approve /held?done=by-link",
            "/held/reject /held?done=by-link",
            "/held/resolve /held?done=by-link",
            "/opt-outs/add /opt-outs?done=by-link",
            "/opt-outs/remove /opt-outs?done=by-link",
            "/sign-in /?done=by-link",
            "/sign-out /?done=by-link",
        ];
        assert_eq!(led, expected);
        assert_eq!(
            page_of("/appointment/reveal", Some("clinic"), Some("A 1&x")),
            "/appointment?schedule=clinic&id=A+1%26x&done=by-link"
        );
    }
}
