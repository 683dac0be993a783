//! shell: the table of all routes, each with the rule that says who may use it: what isn't in it isn't served.

use std::sync::Arc;

use axum::Router;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};

use super::access::RoutePolicy::{self, Act, Machine, Open, Read, SignIn};
use super::guard::{RouteGuard, pass};
use super::pages::{
    actions, appointment, assets, by_link, calls, denial, exporting, health, held, not_called, optouts, outcomes,
    overview, plan, schedules, signing,
};
use super::site::Site;

/// One route.
pub struct WebRoute {
    /// `GET` or `POST`.
    pub method: Method,
    /// The path as the router writes it.
    pub path: &'static str,
    /// What it asks of whoever comes.
    pub policy: RoutePolicy,
    answer: fn() -> MethodRouter<Arc<Site>>,
}

const fn reading(path: &'static str, policy: RoutePolicy, answer: fn() -> MethodRouter<Arc<Site>>) -> WebRoute {
    WebRoute { method: Method::GET, path, policy, answer }
}

const fn sending(path: &'static str, policy: RoutePolicy, answer: fn() -> MethodRouter<Arc<Site>>) -> WebRoute {
    WebRoute { method: Method::POST, path, policy, answer }
}

/// Every route.
pub const ROUTES: &[WebRoute] = &[
    reading("/", Read, || get(overview::page)),
    reading("/calls", Read, || get(calls::page)),
    sending("/calls/find", Read, || post(calls::find)),
    sending("/calls/export", Read, || post(exporting::export)),
    reading("/appointment", Read, || get(appointment::page)),
    sending("/appointment/reveal", Act, || post(appointment::reveal)),
    sending("/appointment/cancel", Act, || post(actions::cancel)),
    sending("/appointment/opt-out", Act, || post(actions::opt_out_of_appointment)),
    reading("/not-called", Read, || get(not_called::page)),
    reading("/outcomes", Read, || get(outcomes::page)),
    reading("/plan", Read, || get(plan::page)),
    reading("/schedules", Read, || get(schedules::list)),
    reading("/schedules/{name}", Read, || get(schedules::one)),
    sending("/pause", Act, || post(actions::pause)),
    sending("/resume", Act, || post(actions::resume)),
    reading("/held", Read, || get(held::page)),
    sending("/held/approve", Act, || post(actions::approve)),
    sending("/held/reject", Act, || post(actions::reject)),
    sending("/held/resolve", Act, || post(actions::resolve)),
    reading("/opt-outs", Read, || get(optouts::page)),
    sending("/opt-outs/add", Act, || post(actions::opt_out)),
    sending("/opt-outs/remove", Act, || post(actions::opt_in)),
    reading("/sign-in", Open, || get(signing::form)),
    sending("/sign-in", SignIn, || post(signing::sign_in)),
    sending("/sign-out", SignIn, || post(signing::sign_out)),
    reading("/assets/page.css", Open, || get(assets::style)),
    reading("/assets/page.js", Open, || get(assets::script)),
    reading("/assets/icon.svg", Open, || get(assets::icon)),
    reading("/healthz", Machine, || get(health::health)),
    reading("/readyz", Machine, || get(health::readiness)),
    reading("/metrics", Machine, || get(health::metrics)),
];

/// The addresses that forms are sent to and that no page has: whoever opens one is led to the form.
fn forms_without_page() -> impl Iterator<Item = &'static str> {
    let has_page = |path: &str| ROUTES.iter().any(|route| route.method == Method::GET && route.path == path);
    ROUTES.iter().map(|route| route.path).filter(move |path| !has_page(path))
}

/// The routes behind their guards.
pub fn router(site: &Arc<Site>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let guard = RouteGuard { site: Arc::clone(site), policy: route.policy };
        router = router.route(route.path, (route.answer)().layer(from_fn_with_state(guard, pass)));
    }
    for path in forms_without_page() {
        let guard = RouteGuard { site: Arc::clone(site), policy: Read };
        router = router.route(path, get(by_link::to_form).layer(from_fn_with_state(guard, pass)));
    }
    // what is asked of an unknown path is judged too, so that another site learns nothing
    let guard = RouteGuard { site: Arc::clone(site), policy: Read };
    let unknown = get(denial::unknown).layer(from_fn_with_state(guard, pass));
    router.fallback_service(unknown.with_state(Arc::clone(site))).with_state(Arc::clone(site))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever adds a route decides here, too, who may use it.
    #[test]
    fn every_route_has_its_policy() {
        let listed: Vec<String> =
            ROUTES.iter().map(|route| format!("{} {} {:?}", route.method, route.path, route.policy)).collect();
        let expected = [
            "GET / Read",
            "GET /calls Read",
            "POST /calls/find Read",
            "POST /calls/export Read",
            "GET /appointment Read",
            "POST /appointment/reveal Act",
            "POST /appointment/cancel Act",
            "POST /appointment/opt-out Act",
            "GET /not-called Read",
            "GET /outcomes Read",
            "GET /plan Read",
            "GET /schedules Read",
            "GET /schedules/{name} Read",
            "POST /pause Act",
            "POST /resume Act",
            "GET /held Read",
            "POST /held/approve Act",
            "POST /held/reject Act",
            "POST /held/resolve Act",
            "GET /opt-outs Read",
            "POST /opt-outs/add Act",
            "POST /opt-outs/remove Act",
            "GET /sign-in Open",
            "POST /sign-in SignIn",
            "POST /sign-out SignIn",
            "GET /assets/page.css Open",
            "GET /assets/page.js Open",
            "GET /assets/icon.svg Open",
            "GET /healthz Machine",
            "GET /readyz Machine",
            "GET /metrics Machine",
        ];
        assert_eq!(listed, expected);
    }

    #[test]
    fn nothing_is_changed_by_a_link() {
        let changing = ROUTES.iter().filter(|route| matches!(route.policy, Act | SignIn));
        let by_link: Vec<&str> =
            changing.filter(|route| route.method != Method::POST).map(|route| route.path).collect();
        assert_eq!(by_link, Vec::<&str>::new());
    }
}
