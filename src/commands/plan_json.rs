//! shell: a plan as JSON: what any other answer would look like, its calls written on two threads.

use serde::Serialize;
use serde_json::ser::{Formatter as _, PrettyFormatter};

use super::output;
use crate::verbs::plan::PlanAnswer;

/// A list that is filled in afterwards. No text of a JSON document can hold these bytes: its quotes would be escaped.
const EMPTY: &str = "\"reminders\": []";

/// How deep a call lies in the list of plans: list, plan, its reminders.
const DEPTH: usize = 3;

/// Fewer calls aren't worth a thread.
const WORTH_HALVING: usize = 512;

/// Prints the plans, and leaves them without their calls.
///
/// # Errors
/// When stdout can't be written.
pub fn print(plans: &mut [PlanAnswer]) -> anyhow::Result<()> {
    let calls: Vec<_> = plans.iter_mut().map(|plan| std::mem::take(&mut plan.reminders)).collect();
    let frame = serde_json::to_string_pretty(&plans)?;
    let lists = calls.iter().map(|calls| in_two(calls)).collect::<Result<Vec<_>, _>>()?;
    output::write_json_text(&filled(&frame, &lists))?;
    // the program ends here: tens of thousands of calls needn't be taken apart first
    std::mem::forget(calls);
    Ok(())
}

/// The frame with its empty lists filled, in order.
fn filled<'t>(frame: &'t str, lists: &'t [(String, String)]) -> Vec<&'t str> {
    let mut pieces = Vec::new();
    let mut rest = frame;
    for (first, second) in lists {
        let (before, behind) = rest.split_once(EMPTY).unwrap_or((rest, ""));
        pieces.push(before);
        match first.is_empty() {
            true => pieces.push(EMPTY),
            false => pieces.extend([&EMPTY[..EMPTY.len() - 1], first, second, "\n    ]"]),
        }
        rest = behind;
    }
    pieces.push(rest);
    pieces
}

/// The items of the list, in two texts.
fn in_two<T: Serialize + Sync>(calls: &[T]) -> serde_json::Result<(String, String)> {
    if calls.len() < WORTH_HALVING {
        return Ok((items(calls, "\n")?, String::new()));
    }
    let (first, second) = calls.split_at(calls.len() / 2);
    let (first, second) = std::thread::scope(|threads| {
        let second = threads.spawn(|| items(second, ",\n"));
        (items(first, "\n"), second.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    Ok((first?, second?))
}

/// Some items of the list, as a printer would write them that has come to this depth.
fn items<T: Serialize>(calls: &[T], mut before: &str) -> serde_json::Result<String> {
    let mut depth = PrettyFormatter::new();
    for _ in 0..DEPTH {
        depth.begin_array(&mut Vec::new()).map_err(serde_json::Error::io)?;
    }
    let mut text = Vec::new();
    for call in calls {
        text.extend_from_slice(before.as_bytes());
        text.extend_from_slice("  ".repeat(DEPTH).as_bytes());
        call.serialize(&mut serde_json::Serializer::with_formatter(&mut text, depth.clone()))?;
        before = ",\n";
    }
    Ok(String::from_utf8(text).expect("JSON is UTF-8"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_text_is_what_the_printer_makes_of_the_whole() {
        for lengths in
            [vec![], vec![0], vec![1], vec![2, 0, 3], vec![WORTH_HALVING, WORTH_HALVING - 1, 3 * WORTH_HALVING + 1]]
        {
            let call = |number: usize| json!({"id": number, "payload": {"a": [1, "é\n"], "b": {}}, "note": null});
            let lists: Vec<Vec<Value>> = lengths.iter().map(|length| (0..*length).map(call).collect()).collect();
            let plan = |reminders: &[Value]| json!({"schedule": EMPTY, "reminders": reminders, "skipped": [EMPTY]});
            let whole: Vec<Value> = lists.iter().map(|list| plan(list)).collect();
            let frame: Vec<Value> = lists.iter().map(|_| plan(&[])).collect();
            let frame = serde_json::to_string_pretty(&frame).expect("a tree is JSON");
            let texts: Vec<_> = lists.iter().map(|list| in_two(list).expect("a tree is JSON")).collect();
            assert_eq!(filled(&frame, &texts).concat(), serde_json::to_string_pretty(&whole).expect("a tree is JSON"));
        }
    }
}
