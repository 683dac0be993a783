//! shell: sources as real systems offer them: real files, real databases, real sockets.

#[path = "sources/api.rs"]
mod api;
#[path = "sources/binary.rs"]
mod binary;
#[path = "sources/calendars.rs"]
mod calendars;
#[path = "sources/database.rs"]
mod database;
#[path = "sources/declared.rs"]
mod declared;
#[path = "sources/paging.rs"]
mod paging;
#[path = "sources/rows.rs"]
mod rows;
#[path = "sources/series.rs"]
mod series;
#[path = "sources/server.rs"]
mod server;
mod support;
#[path = "sources/table.rs"]
mod table;
#[path = "sources/unchanged.rs"]
mod unchanged;
#[path = "sources/workbooks.rs"]
mod workbooks;
