//! shell: a plan as JSON: what any other answer would look like, its calls written on two threads.

use std::io::Write;
use std::ops::Range;
use std::sync::mpsc::{channel, sync_channel};

use serde::Serialize;
use serde_json::ser::{Formatter as _, PrettyFormatter};

use super::output;
use crate::verbs::plan::PlanAnswer;

/// A list that is filled in afterwards. No text of a JSON document can hold these bytes: its quotes would be escaped.
const EMPTY: &str = "\"reminders\": []";

/// How deep a call lies in the list of plans (list, plan, its reminders), and the blanks that makes.
const DEPTH: usize = 3;
const MARGIN: &[u8] = b"      ";

/// So many calls are written at once; a list with fewer isn't worth a second thread.
const CHUNK: usize = 512;

/// Prints the plans, and leaves them without their calls.
///
/// # Errors
/// When stdout can't be written.
pub fn print(plans: &mut [PlanAnswer]) -> anyhow::Result<()> {
    let calls: Vec<_> = plans.iter_mut().map(|plan| plan.reminders.take()).collect();
    let frame = serde_json::to_string_pretty(&plans)?;
    let mut out = output::tamed_stdout();
    let mut rest = frame.as_str();
    for calls in &calls {
        match write_list(&mut out, rest, calls.len(), |places| calls.range(places)) {
            Ok(behind) => rest = behind,
            Err(error) if is_broken_pipe(&error) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    output::written(out.write_all(rest.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()))?;
    // the program ends here: tens of thousands of calls needn't be taken apart first
    std::mem::forget(calls);
    Ok(())
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Writes the frame up to its next empty list, fills that, and answers the rest of the frame.
fn write_list<'f, T: Serialize, I: Iterator<Item = T>>(
    out: &mut impl Write,
    frame: &'f str,
    length: usize,
    some: impl Fn(Range<usize>) -> I + Sync,
) -> anyhow::Result<&'f str> {
    let (before, behind) = frame.split_once(EMPTY).unwrap_or((frame, ""));
    out.write_all(before.as_bytes())?;
    if length == 0 {
        out.write_all(EMPTY.as_bytes())?;
        return Ok(behind);
    }
    out.write_all(&EMPTY.as_bytes()[..EMPTY.len() - 1])?;
    write_items(out, length, some)?;
    out.write_all(b"\n    ]")?;
    Ok(behind)
}

/// Writes a list's items: every other chunk is made on a thread of its own.
fn write_items<T: Serialize, I: Iterator<Item = T>>(
    out: &mut impl Write,
    length: usize,
    some: impl Fn(Range<usize>) -> I + Sync,
) -> anyhow::Result<()> {
    let chunks = length.div_ceil(CHUNK);
    let made = |number: usize, text: Vec<u8>| {
        let places = number * CHUNK..((number + 1) * CHUNK).min(length);
        items(some(places), if number == 0 { b"\n" } else { b",\n" }, text)
    };
    if chunks == 1 {
        return Ok(out.write_all(&made(0, Vec::new())?)?);
    }
    std::thread::scope(|threads| {
        let (full, texts) = sync_channel(1);
        let (written, spare) = channel();
        let made = &made;
        threads.spawn(move || {
            for number in (1..chunks).step_by(2) {
                if full.send(made(number, spare.try_recv().unwrap_or_default())).is_err() {
                    return; // nobody writes any more
                }
            }
        });
        let mut own = Vec::new();
        for number in 0..chunks {
            if number % 2 == 0 {
                own = made(number, own)?;
                out.write_all(&own)?;
            } else if let Ok(text) = texts.recv() {
                let text = text?;
                out.write_all(&text)?;
                // the thread may have made its last: then nobody fills it again
                let _unwanted = written.send(text);
            }
        }
        Ok(())
    })
}

/// Some items of the list, as a printer would write them that has come to this depth; into a text that may have been used.
fn items<T: Serialize>(
    calls: impl Iterator<Item = T>,
    mut before: &'static [u8],
    mut text: Vec<u8>,
) -> serde_json::Result<Vec<u8>> {
    let mut depth = PrettyFormatter::new();
    for _ in 0..DEPTH {
        depth.begin_array(&mut Vec::new()).map_err(serde_json::Error::io)?;
    }
    text.clear();
    for call in calls {
        text.extend_from_slice(before);
        text.extend_from_slice(MARGIN);
        call.serialize(&mut serde_json::Serializer::with_formatter(&mut text, depth.clone()))?;
        before = b",\n";
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_text_is_what_the_printer_makes_of_the_whole() {
        for lengths in [vec![], vec![0], vec![1], vec![2, 0, 3], vec![CHUNK, CHUNK - 1, 3 * CHUNK + 1]] {
            let call = |number: usize| json!({"id": number, "payload": {"a": [1, "é\n"], "b": {}}, "note": null});
            let lists: Vec<Vec<Value>> = lengths.iter().map(|length| (0..*length).map(call).collect()).collect();
            let plan = |reminders: &[Value]| json!({"schedule": EMPTY, "reminders": reminders, "skipped": [EMPTY]});
            let whole: Vec<Value> = lists.iter().map(|list| plan(list)).collect();
            let frame: Vec<Value> = lists.iter().map(|_| plan(&[])).collect();
            let frame = serde_json::to_string_pretty(&frame).expect("a tree is JSON");
            let (mut text, mut rest) = (Vec::new(), frame.as_str());
            for list in &lists {
                rest = write_list(&mut text, rest, list.len(), |places| list[places].iter()).expect("memory takes all");
            }
            text.extend_from_slice(rest.as_bytes());
            let expected = serde_json::to_string_pretty(&whole).expect("a tree is JSON");
            assert_eq!(String::from_utf8(text).expect("JSON is UTF-8"), expected, "{lengths:?}");
        }
    }
}
