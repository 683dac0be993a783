//! pure: what an answer says of itself beside its rows: that it failed, that there is more, how many there are. A part of a
//! list is never passed off as the whole because nobody looked.

use serde_json::{Map, Value};

/// How deep the objects around the rows are searched: `meta.pagination.links.next` is the deepest that is common.
const DEPTH: usize = 4;

/// Flags that are true while there is more.
const MORE: &[&str] = &[
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

/// Flags that are false while there is more.
const LAST: &[&str] = &["last", "islast", "islastpage", "lastpage", "isfinished", "done", "complete"];

/// Flags that are true when the list was cut.
const TRUNCATED: &[&str] = &["truncated", "istruncated", "incomplete", "incompleteresults", "partial"];

/// Marks of the next page, as texts, numbers or objects.
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

/// How many rows the whole has.
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

/// How many rows the whole or this page has: senders differ.
const COUNT: &[&str] = &["count", "itemcount", "recordcount", "resultcount"];

/// How many pages there are.
const PAGES: &[&str] = &["lastpage", "numpages", "pagecount", "pages", "totalpages"];

/// Which page this is.
const PAGE: &[&str] = &["currentpage", "page", "pageno", "pagenumber"];

/// Headers with the number of rows of the whole.
const TOTAL_HEADERS: &[&str] = &["x-total-count", "x-total", "total-count", "x-wp-total", "x-total-results"];

/// A number and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) place: String,
    pub(super) number: u64,
}

/// What an answer says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Signs {
    /// That it failed, in other words than `error`.
    pub(super) failed: Option<String>,
    /// That it has an `error`.
    pub(super) has_error: bool,
    /// That there is more: the place, and what is there.
    pub(super) more: Option<String>,
    /// Places where the mark of the next page is, or would be: with something there first.
    pub(super) onward: Vec<String>,
    /// Rows of the whole.
    pub(super) total: Option<Told>,
    /// Rows of the whole, or of the page.
    pub(super) count: Option<Told>,
    pub(super) page: Option<u64>,
    pub(super) pages: Option<Told>,
}

impl Signs {
    /// Of the text around the rows and the headers.
    pub(super) fn of(around: &Value, headers: &[(String, String)]) -> Self {
        let mut signs = Self::default();
        if let Value::Object(tree) = around {
            signs.failed = failure(tree);
            signs.has_error = tree
                .iter()
                .any(|(name, value)| matches!(plain(name).as_str(), "error" | "errors") && !is_nothing(value));
            let mut empty_marks = Vec::new();
            signs.search(tree, "", DEPTH, &mut empty_marks);
            signs.onward.extend(empty_marks);
        }
        signs.of_headers(headers);
        signs
    }

    /// Whether it says that the whole has no rows.
    pub(super) fn says_empty(&self) -> bool {
        [&self.total, &self.count].into_iter().flatten().any(|told| told.number == 0)
    }

    fn search(&mut self, tree: &Map<String, Value>, path: &str, depth: usize, empty_marks: &mut Vec<String>) {
        for (name, value) in tree {
            let place = format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"));
            let word = plain(name);
            let is = |words: &[&str]| words.contains(&word.as_str());
            match value {
                Value::Bool(true) if is(MORE) || is(TRUNCATED) => self.says_more(format!("`{place}` is true")),
                Value::Bool(false) if is(LAST) => self.says_more(format!("`{place}` is false")),
                _ if is(NEXT) && leads_on(value) => {
                    self.says_more(format!("`{place}` is there"));
                    self.onward.push(place.clone());
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
                self.onward.push(format!("{place}/{at}/{address}"));
            }
        }
    }

    fn number(&mut self, word: &str, place: &str, value: &Value) {
        let Some(number) = whole_number(value) else { return };
        let told = || Told { place: place.to_owned(), number };
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
        let totals = headers.iter().filter(|(name, _)| TOTAL_HEADERS.contains(&name.as_str()));
        let ranges = headers.iter().filter(|(name, _)| name == "content-range");
        let found = totals.filter_map(|(name, value)| Some((name, value.trim().parse().ok()?)));
        let ranged = ranges.filter_map(|(name, value)| Some((name, value.rsplit_once('/')?.1.trim().parse().ok()?)));
        if let Some((name, number)) = found.chain(ranged).max_by_key(|(_, number)| *number)
            && self.count.as_ref().is_none_or(|count| count.number < number)
        {
            self.count = Some(Told { place: format!("{name}:"), number });
        }
    }

    fn says_more(&mut self, what: String) {
        self.more.get_or_insert(what);
    }
}

/// A name without case and punctuation: `has_more`, `hasMore` and `@odata.nextLink` are compared as words.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Whether the mark of a next page leads anywhere.
fn leads_on(value: &Value) -> bool {
    match value {
        Value::Null | Value::Array(_) => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_i64() != Some(0),
        Value::String(text) => !text.trim().is_empty(),
        Value::Object(tree) => tree.values().any(leads_on),
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

/// A failure told by another word than `error`.
fn failure(tree: &Map<String, Value>) -> Option<String> {
    tree.iter().find_map(|(name, value)| {
        let is_no = match value {
            Value::Bool(truth) => !truth,
            Value::String(text) => ["false", "no", "0"].iter().any(|no| text.eq_ignore_ascii_case(no)),
            Value::Number(number) => number.as_i64() == Some(0),
            Value::Null | Value::Array(_) | Value::Object(_) => false,
        };
        let is_failed = value.as_str().is_some_and(|text| {
            ["error", "err", "fail", "failed", "failure"].iter().any(|word| text.trim().eq_ignore_ascii_case(word))
        });
        match plain(name).as_str() {
            "success" | "ok" | "succeeded" | "issuccess" if is_no => Some(format!("`{name}` is {value}")),
            "status" | "result" | "state" if is_failed => Some(format!("`{name}` is {value}")),
            _ => None,
        }
    })
}

/// Whether an `error` field says that there was none.
pub(super) fn is_nothing(value: &Value) -> bool {
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
        ] {
            assert!(Signs::of(&around, &[]).more.is_some(), "{around}");
        }
        for around in [
            json!({"has_more": false, "next": null, "next_page": 0, "links": {"next": {"href": null}}}),
            json!({"next": "", "last": true, "truncated": false, "more": null}),
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
        assert!(Signs::of(&json!({"totalItems": 0}), &[]).says_empty());
    }

    #[test]
    fn failures_in_other_words_are_seen() {
        for around in
            [json!({"success": false}), json!({"ok": false}), json!({"status": "Error"}), json!({"Success": "false"})]
        {
            assert!(Signs::of(&around, &[]).failed.is_some(), "{around}");
        }
        for around in [json!({"success": true, "status": "ok"}), json!({"status": 200}), json!({"ok": null})] {
            assert_eq!(Signs::of(&around, &[]).failed, None, "{around}");
        }
        assert!(Signs::of(&json!({"errors": ["x"]}), &[]).has_error);
        assert!(!Signs::of(&json!({"error": {}, "errors": 0}), &[]).has_error);
    }

    #[test]
    fn a_mark_that_leads_on_is_proposed_before_one_that_does_not() {
        let around = json!({"next": null, "links": {"next": "/p2"}});
        assert_eq!(Signs::of(&around, &[]).onward, ["/links/next", "/next"]);
    }
}
