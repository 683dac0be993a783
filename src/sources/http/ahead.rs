//! shell: fetches the pages of a read. Where a page's number is known beforehand, it is fetched while the rows of the page
//! before it are used; there is never more than one request at a time.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::never;
use super::page_request::PageRequest;
use super::request::{Fetched, Fetcher, Headers};
use crate::http::HttpResponse;
use crate::schedule::{HttpSpec, ReadMethod};
use crate::sources::SourceError;

/// A smaller page is used faster than a request is sent, and may be the empty one that ends the list.
const MIN_BYTES: usize = 32 << 10;

/// The maximum size of a page that is kept while the one before it is used: two pages are in memory at once.
const MAX_BYTES: usize = 8 << 20;

/// Whether the page behind this one is fetched while its rows are used.
pub(super) fn is_worth_it(spec: &HttpSpec, answer: &HttpResponse) -> bool {
    spec.method == ReadMethod::Get && (MIN_BYTES..=MAX_BYTES).contains(&answer.body.len())
}

/// A page, and the hash of all bodies of the read with this one.
pub(super) struct FetchedPage {
    pub(super) answer: Fetched,
    pub(super) hash: Sha256,
}

/// The requests of one read.
pub(super) struct PageFetches {
    fetcher: Fetcher,
    headers: Arc<Headers>,
    runtime: Handle,
    /// When the read's deadline is reached (monotonic).
    stop_at: Duration,
    /// The request that was begun, and its task; dropping it ends the request.
    ahead: Option<(PageRequest, JoinSet<Result<FetchedPage, SourceError>>)>,
}

impl PageFetches {
    pub(super) fn new(fetcher: Fetcher, headers: Headers, runtime: Handle, stop_at: Duration) -> Self {
        Self { fetcher, headers: Arc::new(headers), runtime, stop_at, ahead: None }
    }

    /// Begins to fetch a page that will be wanted unless the one before it is the last.
    pub(super) fn begin(&mut self, request: PageRequest, page: usize, hash: &Sha256) {
        let (fetcher, headers, stop_at) = (self.fetcher.clone(), Arc::clone(&self.headers), self.stop_at);
        let (asked, hash) = (request.clone(), hash.clone());
        let mut task = JoinSet::new();
        let fetching = async move { fetch(&fetcher, (asked, page), &headers, stop_at, hash).await };
        let _handle = task.spawn_on(fetching, &self.runtime);
        self.ahead = Some((request, task));
    }

    /// The page, which may have been begun before.
    pub(super) async fn fetch(
        &mut self,
        request: PageRequest,
        page: usize,
        hash: &Sha256,
    ) -> Result<FetchedPage, SourceError> {
        if let Some((_, mut task)) = self.ahead.take().filter(|(begun, _)| *begun == request) {
            let ended = task.join_next().await.and_then(Result::ok);
            return ended.unwrap_or_else(|| Err(never(format!("the request for page {page} was broken off"))));
        }
        fetch(&self.fetcher, (request, page), &self.headers, self.stop_at, hash.clone()).await
    }
}

async fn fetch(
    fetcher: &Fetcher,
    (request, page): (PageRequest, usize),
    headers: &Headers,
    stop_at: Duration,
    mut hash: Sha256,
) -> Result<FetchedPage, SourceError> {
    let answer = fetcher.fetch(request, headers, page, stop_at).await?;
    if let Fetched::Page(_, answer) = &answer {
        hash.update(&answer.body);
    }
    Ok(FetchedPage { answer, hash })
}
