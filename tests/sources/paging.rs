//! shell: a read of pages is the whole list or fails with the place, whatever the server does at the list's end.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use serde_json::{Value, json as value};
use tickler::schedule::{HttpSpec, Paging};

use crate::api::{read, spec};
use crate::server::{Reply, Server, answer};

/// How pages are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Page,
    Offset,
    Cursor,
    Next,
    Link,
}

/// What a page behind the last one is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behind {
    Nothing,
    NotFound,
    TheLastPage,
}

/// A server's habits.
#[derive(Debug, Clone)]
struct Habits {
    style: Style,
    rows: u64,
    /// Rows of a page, whatever is asked for.
    size: u64,
    /// The size that the schedule declares.
    declared: usize,
    behind: Behind,
    tells_total: bool,
    tells_more: bool,
    /// The number of pages after which a row is inserted before all others.
    inserts_after: Option<u64>,
    /// The page on which the way to the next one is left out.
    forgets_on: Option<u64>,
    /// Links name the other scheme, as behind a proxy that ends TLS.
    is_behind_proxy: bool,
}

impl Habits {
    fn paging(&self) -> Paging {
        match self.style {
            Style::Page => Paging::Page { parameter: "at".into(), start: 0, size: self.declared },
            Style::Offset => Paging::Offset { parameter: "at".into(), size: self.declared },
            Style::Cursor => Paging::Cursor { parameter: "at".into(), at: "/next".into() },
            Style::Next => Paging::Next { at: "/next".into() },
            Style::Link => Paging::LinkHeader,
        }
    }

    /// Whether nothing stands in the way of the whole list.
    fn is_sound(&self) -> bool {
        let is_one_page = self.rows <= self.size;
        let is_told = self.tells_total;
        let clamps_one_page =
            self.style == Style::Page && self.behind == Behind::TheLastPage && is_one_page && !is_told;
        self.forgets_on.is_none() && self.inserts_after.is_none() && !clamps_one_page
    }

    /// The answer to the request with that number, for the page at `at` (a page's number, or rows before it).
    fn answer(&self, at: u64, served: u64, origin: &str) -> Reply {
        let is_inserted = self.inserts_after.is_some_and(|pages| served >= pages);
        let total = self.rows + u64::from(is_inserted);
        let id = |place: u64| if is_inserted { place.checked_sub(1).unwrap_or(1_000) } else { place };
        let mut begin = if self.style == Style::Page { at * self.size } else { at };
        if begin >= total && self.style == Style::Page && total > 0 {
            match self.behind {
                Behind::NotFound => return answer(404, "", "no such page"),
                Behind::TheLastPage => begin = (total - 1) / self.size * self.size,
                Behind::Nothing => {}
            }
        }
        let end = (begin + self.size).min(total);
        let list: Vec<Value> = (begin..end.max(begin)).map(|place| value!({"id": id(place)})).collect();
        let is_forgotten = self.forgets_on == Some(served);
        let is_more = end < total;
        let mut body = value!({"data": list});
        if self.tells_total {
            body["total"] = total.into();
        }
        if self.tells_more {
            body["has_more"] = is_more.into();
        }
        let origin = if self.is_behind_proxy { origin.replace("http:", "https:") } else { origin.to_owned() };
        let link = format!("{origin}/?at={end}");
        let mut headers = "content-type: application/json\r\n".to_owned();
        match self.style {
            Style::Cursor if is_more && !is_forgotten => body["next"] = end.into(),
            Style::Next if is_more && !is_forgotten => body["next"] = link.into(),
            Style::Link if is_more && !is_forgotten => headers += &format!("link: <{link}>; rel=\"next\"\r\n"),
            _ => {}
        }
        answer(200, &headers, body.to_string())
    }
}

fn habits() -> impl Strategy<Value = Habits> {
    let style = prop::sample::select(vec![Style::Page, Style::Offset, Style::Cursor, Style::Next, Style::Link]);
    let behind = prop::sample::select(vec![Behind::Nothing, Behind::NotFound, Behind::TheLastPage]);
    let flaws = (prop::option::weighted(0.2, 0_u64..4), prop::option::weighted(0.2, 0_u64..4));
    let told = (any::<bool>(), any::<bool>(), any::<bool>());
    (style, 0_u64..14, 1_u64..6, 1_usize..6, behind, told, flaws).prop_map(
        |(style, rows, size, declared, behind, (tells_total, tells_more, is_behind_proxy), (inserts, forgets))| {
            let is_linked = matches!(style, Style::Cursor | Style::Next | Style::Link);
            // a link that is left out without any sign of more can't be told from the list's end
            let forgets_on = forgets.filter(|_| is_linked && (tells_total || tells_more));
            Habits {
                style,
                rows,
                size,
                declared,
                behind,
                tells_total,
                tells_more,
                inserts_after: inserts,
                forgets_on,
                is_behind_proxy,
            }
        },
    )
}

/// The ids that were read, or why not.
async fn outcome(habits: Habits) -> Result<BTreeSet<u64>, String> {
    let served = AtomicU64::new(0);
    let paging = Some(habits.paging());
    let server = Server::answering_at(move |target, origin| {
        let at = target.split("at=").nth(1).and_then(|at| at.parse().ok()).unwrap_or(0);
        habits.answer(at, served.fetch_add(1, Ordering::Relaxed), origin)
    })
    .await;
    let rows = read(HttpSpec { paging, ..spec(&format!("{}/", server.origin)) }).await;
    let id = |row: &String| {
        let object: Value = serde_json::from_str(row.split_once(' ').expect("a number and an object").1).expect("JSON");
        object["id"].as_u64().expect("a number")
    };
    rows.map(|rows| rows.iter().map(id).collect()).map_err(|error| error.message)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_read_is_the_whole_list_or_fails_with_the_place(habits in habits()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (is_sound, count) = (habits.is_sound(), habits.rows);
        match runtime.block_on(outcome(habits)) {
            Ok(ids) => {
                let missing: Vec<u64> = (0..count).filter(|id| !ids.contains(id)).collect();
                prop_assert!(missing.is_empty(), "not read: {missing:?}");
            }
            Err(message) => {
                prop_assert!(!is_sound, "{message}");
                prop_assert!(message.contains("page") || message.contains('`'), "{message}");
            }
        }
    }
}
