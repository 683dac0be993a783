use serde_json::json;

use super::*;
use crate::http::{HttpRequest, HttpResponse};
use crate::ledger::store::{CallsAsk, LearntNumber, ManyReminders, Put};
use crate::reminder::CallKind;
use crate::row::Row;
use crate::targets::Facts;

const NUMBER: &str = "+12025550143";
const NAME: &str = "Ada Example";

/// Whatever is printed by accident (in a panic, in a failing test, in a line of the log) names nobody.
#[test]
fn debug_output_of_what_holds_a_phone_or_a_name_shows_neither() {
    let phone = Personal::from(NUMBER);
    let now = jiff::Timestamp::UNIX_EPOCH;
    let to = phone.clone();
    let row = json!({ "phone": NUMBER, "name": NAME });
    let tree = row.as_object().expect("an object");
    let ask = HttpRequest {
        method: reqwest::Method::POST,
        url: "https://api.example.com/secret".parse().expect("an address"),
        headers: vec![("authorization".to_owned(), NAME.to_owned().into())],
        body: row.to_string().into(),
        timeout: std::time::Duration::from_secs(1),
        max_bytes: 1,
    };
    let answer = HttpResponse {
        status: 200,
        headers: vec![("x-name".to_owned(), NAME.to_owned())],
        body: row.to_string().into(),
        end: crate::http::BodyEnd::Whole,
        latency: std::time::Duration::ZERO,
    };
    let printed = [
        format!("{:?}", Request::TestCall { schedule: "clinic".into(), to: to.clone(), wait_seconds: None }),
        format!("{:?}", test_call::TestCallAsk { schedule: "clinic".into(), to, wait: None }),
        format!("{:?}", LearntNumber { account: "main", person: &phone, phone: &phone, since: now }),
        format!("{:?}", Put::OptOut(&phone, None)),
        format!("{:?}", Put::Contact("main", &phone, None)),
        format!("{:?}", ManyReminders::PendingTo(&phone)),
        format!("{:?}", ManyReminders::OfPhone(&phone)),
        format!(
            "{:?}",
            CallsAsk {
                account: "main",
                day: jiff::civil::Date::ZERO,
                persons: &[&phone, &Personal::from(NAME)],
                target: None,
                kind: CallKind::Reminder,
            }
        ),
        format!("{:?}", Facts { found: vec![(phone.clone(), "c-1".to_owned())], ..Facts::default() }),
        format!("{:?}", Row::Tree(tree.clone())),
        format!("{:?}", crate::row::Record::Tree(tree)),
        format!("{ask:?}"),
        format!("{answer:?}"),
    ];
    for text in printed {
        assert!(!text.contains("2025550143") && !text.contains(NAME) && !text.contains("secret"), "{text}");
    }
}

/// A number on the wire of the control socket is the number: a type that masks `Debug` output changes no JSON.
#[test]
fn what_debug_output_masks_is_whole_in_json() {
    let ask = Request::TestCall { schedule: "clinic".into(), to: NUMBER.into(), wait_seconds: None };
    let text = serde_json::to_value(&ask).expect("JSON");
    assert_eq!(text, json!({ "verb": "test_call", "schedule": "clinic", "to": NUMBER, "wait_seconds": null }));
    assert!(matches!(serde_json::from_value(text), Ok(Request::TestCall { to, .. }) if to == NUMBER));
}
