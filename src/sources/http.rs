//! shell: an HTTP API.

use super::{Again, ReadReport, ReadWindow, Source, SourceError, SourceTools};
use crate::row::RecordSink;
use crate::schedule::HttpSpec;
use crate::zones::Zone;

/// `[source.http]`.
#[derive(Debug)]
pub struct Api {
    spec: HttpSpec,
    mapped: Vec<String>,
    zone: Option<Zone>,
    tools: SourceTools,
}
impl Api {
    pub fn new(spec: HttpSpec, mapped: Vec<String>, zone: Zone, tools: SourceTools) -> Self {
        Self { spec, mapped, zone: Some(zone), tools }
    }
}
impl Source for Api {
    fn read(&self, _window: &ReadWindow, _sink: &mut dyn RecordSink) -> Result<ReadReport, SourceError> {
        Err(SourceError::new(Again::Never, "not yet"))
    }

    fn columns(&self) -> Result<Option<Vec<String>>, SourceError> {
        Ok(None)
    }
}
