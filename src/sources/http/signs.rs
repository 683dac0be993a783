//! pure: what an answer says about itself next to its rows: that the request failed, that there are more rows, how many there
//! are. With it, a part of a list is never taken for the whole list.

use serde_json::{Map, Value};

/// How deep the objects around the rows are searched; `meta.pagination.links.next` is the deepest common place.
const MAX_DEPTH: usize = 4;

/// Flags that are true on every page but the last.
const MORE_FLAGS: &[&str] = &[
    "hasmore",
    "hasmoreitems",
    "hasmorerecords",
    "hasmoreresults",
    "hasnext",
    "hasnextpage",
    "ismore",
    "more",
    "moreavailable",
    "moreresults",
];

/// Flags that are false on every page but the last.
const LAST_FLAGS: &[&str] = &["last", "islast", "islastpage", "lastpage", "isfinished", "done", "complete"];

/// Flags that are true when the list was cut.
const TRUNCATED: &[&str] = &["truncated", "istruncated", "incomplete", "incompleteresults", "partial"];

/// Names of cursors and links to the next page.
const NEXT: &[&str] = &[
    "continuation",
    "continuationtoken",
    "next",
    "nextcursor",
    "nexthref",
    "nextid",
    "nextkey",
    "nextlink",
    "nextmarker",
    "nextoffset",
    "nextpage",
    "nextpagetoken",
    "nextpageurl",
    "nextrecordsurl",
    "nextstart",
    "nexttoken",
    "nexturi",
    "nexturl",
    "odatanextlink",
];

/// Names for the number of rows of the whole list.
const TOTAL: &[&str] = &[
    "numfound",
    "odatacount",
    "recordsfiltered",
    "total",
    "totalcount",
    "totalelements",
    "totalentries",
    "totalhits",
    "totalitems",
    "totalrecords",
    "totalresults",
    "totalrows",
    "totalsize",
];

/// Names for a number of rows: depending on the server, of the whole list or of this page.
const COUNT: &[&str] = &["count", "itemcount", "recordcount", "resultcount"];

/// Names for the number of pages.
const PAGES: &[&str] = &["lastpage", "numpages", "pagecount", "pages", "totalpages"];

/// Names for the number of this page.
const PAGE: &[&str] = &["currentpage", "page", "pageno", "pagenumber"];

/// Prefixes of headers that carry such numbers: `X-Total-Count`, `X-WP-TotalPages`, `X-Pagination-Page-Count`.
const HEADER_PREFIXES: &[&str] = &["x-", "wp-", "pagination-", "paging-"];

/// Flags that are true when the request failed.
const FAILURE_FLAGS: &[&str] = &["failed", "haserror", "haserrors", "iserror"];

/// Flags that are false when the request failed.
const SUCCEEDED: &[&str] = &["success", "ok", "succeeded", "issuccess", "successful"];

/// Fields that hold the request's outcome as a word.
const OUTCOME: &[&str] = &["status", "result", "state", "outcome"];
/// Outcomes that mean failure.
const FAILURES: &[&str] = &["error", "err", "fail", "failed", "failure"];

/// Objects that may report a failure; others may only repeat the request's parameters.
const ENVELOPES: &[&str] = &["meta", "metadata", "status", "result", "response", "header", "info"];

/// Fields that may repeat the HTTP status code in the body.
const STATUS_CODES: &[&str] = &["status", "statuscode", "code", "httpstatus", "httpcode"];

/// Fields that hold something only after a failure.
const FAULTS: &[&str] = &["errorcode", "errordescription", "errormessage", "errormsg", "exception", "fault"];

/// A number that an answer states about itself, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FoundNumber {
    pub(super) place: String,
    pub(super) number: u64,
}

/// What an answer says about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Signs {
    /// A report of a failure under another name than `error`.
    pub(super) failed: Option<String>,
    /// Whether it has an `error` that isn't empty.
    pub(super) has_error: bool,
    /// A sign of further pages: the place and its value, as a sentence.
    pub(super) more: Option<String>,
    /// Places that name the next page, those with a value first.
    pub(super) next_page_places: Vec<String>,
    /// Rows of the whole list.
    pub(super) total: Option<FoundNumber>,
    /// Rows of the whole list or of the page.
    pub(super) count: Option<FoundNumber>,
    pub(super) page: Option<u64>,
    pub(super) pages: Option<FoundNumber>,
}

impl Signs {
    /// Reads the signs from the JSON `around` the rows and from the headers.
    pub(super) fn of(around: &Value, headers: &[(String, String)]) -> Self {
        let mut signs = Self::default();
        if let Value::Object(tree) = around {
            signs.failed = failure(tree, "").or_else(|| {
                let mut inner = tree.iter().filter(|(name, _)| ENVELOPES.contains(&normalised(name).as_str()));
                inner.find_map(|(name, value)| failure(value.as_object()?, &format!("{name}.")))
            });
            signs.has_error = tree
                .iter()
                .any(|(name, value)| matches!(normalised(name).as_str(), "error" | "errors") && !is_empty_error(value));
            let mut empty_marks = Vec::new();
            signs.search(tree, "", MAX_DEPTH, &mut empty_marks);
            signs.next_page_places.extend(empty_marks);
        }
        signs.of_headers(headers);
        signs
    }

    /// Whether it states that the list has no rows.
    pub(super) fn says_empty(&self) -> bool {
        [&self.total, &self.count].into_iter().flatten().any(|told| told.number == 0)
    }

    fn search(&mut self, tree: &Map<String, Value>, path: &str, depth: usize, empty_marks: &mut Vec<String>) {
        for (name, value) in tree {
            let place = format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"));
            let word = normalised(name);
            let is = |words: &[&str]| words.contains(&word.as_str());
            match value {
                _ if (is(MORE_FLAGS) || is(TRUNCATED)) && as_flag(value) == Some(true) => {
                    self.says_more(format!("`{place}` is {value}"));
                }
                _ if is(LAST_FLAGS) && as_flag(value) == Some(false) => self.says_more(format!("`{place}` is {value}")),
                _ if is(NEXT) && names_a_page(value) => {
                    self.says_more(format!("`{place}` is there"));
                    self.next_page_places.push(place.clone());
                }
                _ if is(NEXT) => empty_marks.push(place.clone()),
                _ => self.number(&word, &place, value),
            }
            match value {
                Value::Object(inner) if depth > 1 => self.search(inner, &place, depth - 1, empty_marks),
                Value::Array(list) => self.links(list, &place),
                _ => {}
            }
        }
    }

    /// A list of links such as `[{"relation": "next", "url": "…"}]`.
    fn links(&mut self, list: &[Value], place: &str) {
        for (at, link) in list.iter().take(100).enumerate() {
            let relation = ["relation", "rel"].iter().find_map(|name| link.get(name)?.as_str());
            if relation.is_some_and(|relation| relation.eq_ignore_ascii_case("next")) {
                self.says_more(format!("`{place}/{at}` is a link to the next page"));
                let address = ["url", "href"].iter().find(|name| link.get(**name).is_some()).unwrap_or(&"url");
                self.next_page_places.push(format!("{place}/{at}/{address}"));
            }
        }
    }

    fn number(&mut self, word: &str, place: &str, value: &Value) {
        let Some(number) = whole_number(value) else { return };
        let told = || FoundNumber { place: place.to_owned(), number };
        if TOTAL.contains(&word) {
            self.total.get_or_insert_with(told);
        } else if COUNT.contains(&word) {
            self.count.get_or_insert_with(told);
        } else if PAGES.contains(&word) {
            self.pages.get_or_insert_with(told);
        } else if PAGE.contains(&word) {
            self.page.get_or_insert(number);
        }
    }

    fn of_headers(&mut self, headers: &[(String, String)]) {
        for (name, value) in headers {
            let stem =
                HEADER_PREFIXES.iter().fold(name.as_str(), |stem, prefix| stem.strip_prefix(prefix).unwrap_or(stem));
            if stem == name && !matches!(name.as_str(), "content-range" | "total-count") {
                continue;
            }
            let value = value.trim();
            let word = normalised(stem);
            let is = |words: &[&str]| words.contains(&word.as_str());
            let number = match stem {
                "content-range" => value.rsplit_once('/').and_then(|(_, total)| total.trim().parse().ok()),
                _ => value.parse().ok(),
            };
            let told = |number| FoundNumber { place: format!("{name}:"), number };
            match number {
                // may be the rows of the whole list or of the page: the greatest is kept
                Some(number) if is(TOTAL) || is(COUNT) || stem == "content-range" => {
                    let before = self.count.as_ref().map_or(0, |count| count.number);
                    self.count = self.count.take().filter(|_| before >= number).or_else(|| Some(told(number)));
                }
                Some(number) if is(PAGES) => drop(self.pages.get_or_insert_with(|| told(number))),
                Some(number) if is(PAGE) => drop(self.page.get_or_insert(number)),
                Some(_) | None => {}
            }
            let text = Value::from(value);
            if (is(NEXT) && names_a_page(&text) && value != "0") || (is(MORE_FLAGS) && as_flag(&text) == Some(true)) {
                self.says_more(format!("`{name}:` says {value}"));
            }
        }
    }

    fn says_more(&mut self, what: String) {
        self.more.get_or_insert(what);
    }
}

/// A name without case and punctuation, so that `has_more` and `hasMore` are the same.
fn normalised(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Whether the value at a next-page place names a page.
fn names_a_page(value: &Value) -> bool {
    match value {
        Value::Null | Value::Array(_) => false,
        Value::Bool(is_set) => *is_set,
        Value::Number(number) => number.as_i64() != Some(0),
        Value::String(text) => !text.trim().is_empty(),
        Value::Object(tree) => tree.values().any(names_a_page),
    }
}

/// A number, also as text or as `{"value": 5}`.
fn whole_number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Object(tree) => tree.get("value")?.as_u64(),
        Value::Null | Value::Bool(_) | Value::Array(_) => None,
    }
}

/// A flag, which may be written as a boolean, a text or a number.
fn as_flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(is_set) => Some(*is_set),
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Some(true),
            "false" | "no" | "0" => Some(false),
            _ => None,
        },
        Value::Number(number) => match number.as_i64() {
            Some(0) => Some(false),
            Some(1) => Some(true),
            Some(_) | None => None,
        },
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A failure reported under another name than `error`. `place` is where the object is.
fn failure(tree: &Map<String, Value>, place: &str) -> Option<String> {
    tree.iter().find_map(|(name, value)| {
        let word = normalised(name);
        let is = |words: &[&str]| words.contains(&word.as_str());
        let is_failure =
            || value.as_str().is_some_and(|text| FAILURES.iter().any(|word| text.trim().eq_ignore_ascii_case(word)));
        // some servers report an empty list as code 404 in the body
        let is_code = || whole_number(value).is_some_and(|code| code != 404 && (400..600).contains(&code));
        let has_failed = (is(SUCCEEDED) && as_flag(value) == Some(false))
            || (is(FAILURE_FLAGS) && as_flag(value) == Some(true))
            || (is(OUTCOME) && is_failure())
            || (is(STATUS_CODES) && is_code())
            || (is(FAULTS) && !is_empty_error(value));
        has_failed.then(|| format!("`{place}{name}` is {}", excerpt(value)))
    })
}

/// The beginning of a value, for a message.
fn excerpt(value: &Value) -> String {
    const MAX_LENGTH: usize = 80;
    let text = value.to_string();
    match text.char_indices().nth(MAX_LENGTH) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// Whether the value of an `error` field means that there was no error.
pub(super) fn is_empty_error(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(tree) => tree.is_empty(),
        Value::Number(number) => number.as_i64() == Some(0),
        Value::Bool(true) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn well_known_signs_of_more_are_seen_and_their_ends_are_not() {
        for around in [
            json!({"has_more": true}),
            json!({"meta": {"hasNextPage": true}}),
            json!({"next": "/visits?page=2"}),
            json!({"next_page": 2}),
            json!({"links": {"next": {"href": "/p2"}}}),
            json!({"paging": {"cursors": {"after": "x"}, "next": "https://x.test/p2"}}),
            json!({"@odata.nextLink": "x"}),
            json!({"pagination": {"nextCursor": "abc"}}),
            json!({"link": [{"relation": "self", "url": "a"}, {"relation": "next", "url": "b"}]}),
            json!({"last": false}),
            json!({"truncated": true}),
            json!({"has_next": "true"}),
            json!({"hasMore": 1}),
            json!({"is_last": "false"}),
        ] {
            assert!(Signs::of(&around, &[]).more.is_some(), "{around}");
        }
        for around in [
            json!({"has_more": false, "next": null, "next_page": 0, "links": {"next": {"href": null}}}),
            json!({"next": "", "last": true, "truncated": false, "more": null}),
            json!({"has_more": "false", "hasMore": 0, "is_last": "true", "more": "later", "last": "Example"}),
            json!({"link": [{"relation": "self", "url": "a"}]}),
            json!({"nextSyncToken": "the list is whole", "message": "more", "page": 1}),
            json!([1]),
            Value::Null,
        ] {
            assert_eq!(Signs::of(&around, &[]).more, None, "{around}");
        }
    }

    #[test]
    fn totals_are_found_in_the_text_and_in_headers() {
        let total = |around: Value| Signs::of(&around, &[]).total.map(|told| (told.place, told.number));
        assert_eq!(total(json!({"meta": {"total_count": "12"}})), Some(("/meta/total_count".into(), 12)));
        assert_eq!(total(json!({"hits": {"total": {"value": 5}}})), Some(("/hits/total".into(), 5)));
        assert_eq!(total(json!({"total": null, "totals": 3})), None);
        let header = |name: &str, value: &str| Signs::of(&Value::Null, &[(name.to_owned(), value.to_owned())]).count;
        assert_eq!(header("x-total-count", "7").map(|told| told.number), Some(7));
        assert_eq!(header("content-range", "items 0-24/319").map(|told| told.number), Some(319));
        assert_eq!(header("content-range", "items 0-24/*"), None);
        assert_eq!(header("x-pagination-total-count", "9").map(|told| told.number), Some(9));
        assert_eq!(header("count", "9"), None, "a header without a known beginning says nothing");
        assert!(Signs::of(&json!({"totalItems": 0}), &[]).says_empty());
    }

    #[test]
    fn headers_say_that_there_is_more_as_texts_do() {
        let signs = |name: &str, value: &str| Signs::of(&Value::Null, &[(name.to_owned(), value.to_owned())]);
        assert!(signs("x-next-page", "2").more.is_some());
        assert!(signs("x-has-more", "true").more.is_some());
        assert_eq!(signs("x-wp-totalpages", "3").pages.map(|told| told.number), Some(3));
        assert_eq!(signs("x-page", "1").page, Some(1));
        for (name, value) in [("x-next-page", ""), ("x-has-more", "false"), ("x-request-id", "17"), ("next", "2")] {
            assert_eq!(signs(name, value), Signs::default(), "{name}: {value}");
        }
    }

    #[test]
    fn failures_in_other_words_are_seen() {
        for around in [
            json!({"success": false}),
            json!({"ok": false}),
            json!({"status": "Error"}),
            json!({"Success": "false"}),
            json!({"meta": {"success": false}}),
            json!({"status": 500}),
            json!({"code": "403"}),
            json!({"isError": true}),
            json!({"error_code": 12}),
            json!({"errorMessage": "no such clinic"}),
            json!({"fault": {"faultstring": "quota"}}),
        ] {
            assert!(Signs::of(&around, &[]).failed.is_some(), "{around}");
        }
        for around in [
            json!({"success": true, "status": "ok"}),
            json!({"status": 200, "code": 0}),
            json!({"ok": null}),
            json!({"isError": false, "error_code": 0, "exception": null, "errorMessage": ""}),
            json!({"code": 1200, "state": "FL"}),
            json!({"code": 404, "filter": {"status": "failed"}}),
        ] {
            assert_eq!(Signs::of(&around, &[]).failed, None, "{around}");
        }
        assert!(Signs::of(&json!({"errors": ["x"]}), &[]).has_error);
        assert!(!Signs::of(&json!({"error": {}, "errors": 0}), &[]).has_error);
    }

    #[test]
    fn a_mark_that_leads_on_is_proposed_before_one_that_does_not() {
        let around = json!({"next": null, "links": {"next": "/p2"}});
        assert_eq!(Signs::of(&around, &[]).next_page_places, ["/links/next", "/next"]);
    }
}
