//! pure: addresses of the site's own pages, with whatever text in them escaped.

use url::form_urlencoded::Serializer;

/// A path with its query; fields without a value are left out.
#[must_use]
pub fn link(path: &str, fields: &[(&str, Option<&str>)]) -> String {
    let mut query = Serializer::new(String::new());
    let set = fields.iter().filter_map(|(name, value)| Some((name, (*value)?)));
    set.filter(|(_, value)| !value.is_empty()).for_each(|(name, value)| {
        query.append_pair(name, value);
    });
    let query = query.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// The page of one appointment.
#[must_use]
pub fn appointment(schedule: Option<&str>, id: &str) -> String {
    link("/appointment", &[("schedule", schedule), ("id", Some(id))])
}

/// The page of one schedule.
#[must_use]
pub fn schedule(name: &str) -> String {
    let mut path = "/schedules/".to_owned();
    path.extend(url::form_urlencoded::byte_serialize(name.as_bytes()));
    path
}

/// A path of this site, whatever the text: what a form or an address names as the way back.
#[must_use]
pub fn own_path(text: Option<&str>) -> &str {
    let is_own = |text: &&str| {
        text.starts_with('/')
            && !text.starts_with("//")
            && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
    };
    text.filter(is_own).unwrap_or("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_source_writes_stays_one_value_of_a_link() {
        assert_eq!(link("/calls", &[("a", Some("x&b=<y>")), ("c", None), ("d", Some(""))]), "/calls?a=x%26b%3D%3Cy%3E");
        assert_eq!(appointment(None, "A 1"), "/appointment?id=A+1");
        assert_eq!(schedule("../x"), "/schedules/..%2Fx");
    }

    #[test]
    fn the_way_back_never_leaves_the_site() {
        for (text, path) in [
            ("/calls?a=1", "/calls?a=1"),
            ("//evil.example", "/"),
            ("https://evil.example", "/"),
            ("/\\evil.example", "/"),
            ("/a\r\nset-cookie: x", "/"),
            ("javascript:alert(1)", "/"),
        ] {
            assert_eq!(own_path(Some(text)), path);
        }
        assert_eq!(own_path(None), "/");
    }
}
