//! Ledgers that hold as many settled reminders as a benchmark wants.

use std::path::Path;

/// Fills the ledger with copies of its one delivered reminder, each an appointment of its own in the past.
pub fn multiply(ledger: &Path, settled: u32) {
    let mut ledger = rusqlite::Connection::open(ledger).expect("the ledger opens");
    let columns: Vec<String> = {
        let mut query = ledger.prepare("SELECT name FROM pragma_table_info('reminder') WHERE pk = 0").expect("a query");
        query.query_map([], |row| row.get(0)).expect("columns").collect::<Result<_, _>>().expect("names")
    };
    let picked: Vec<String> = columns
        .iter()
        .map(|column| match column.as_str() {
            "id" => "lower(printf('00000000-0000-7000-8000-%012x', n))".to_owned(),
            "appointment_id" => "'old-' || n".to_owned(),
            "person" => "'person-' || n".to_owned(),
            "starts_at" | "due_at" | "next_at" | "expires_at" => format!("{column} - 86400000000 * (1 + n % 1000)"),
            "due_day" => "date('2026-11-23', '-' || (n % 1000) || ' days')".to_owned(),
            other => other.to_owned(),
        })
        .collect();
    let transaction = ledger.transaction().expect("a transaction");
    let copy = format!(
        "WITH RECURSIVE counter(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n < {settled})
         INSERT INTO reminder ({}) SELECT {} FROM reminder, counter",
        columns.join(", "),
        picked.join(", ")
    );
    transaction.execute(&copy, []).expect("copies are made");
    transaction.commit().expect("copies are kept");
}
