//! shell: the settings of outbound connections: a proxy, and certificates that are trusted besides the system's.

use std::path::PathBuf;

use super::TextOrSecret;
use crate::disk::{self, Links};

/// `[network]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// An HTTP proxy for sources, targets and alerts; may hold a password.
    pub proxy: Option<TextOrSecret>,
    /// A PEM file of certificates that are trusted besides the system's roots.
    pub ca_file: Option<PathBuf>,
}

/// Maximum size of `ca_file`.
const MAX_CA_FILE: u64 = 4 << 20;

impl Network {
    /// The content of `ca_file`.
    ///
    /// # Errors
    /// A sentence with the key and the file, when it can't be read or holds no certificate.
    pub fn read_ca_file(&self) -> Result<Option<Vec<u8>>, String> {
        let Some(path) = &self.ca_file else { return Ok(None) };
        let fault = |why: String| format!("network.ca_file: {}: {why}", path.display());
        let pem = disk::read(path, Links::Followed, MAX_CA_FILE).map_err(|error| fault(error.to_string()))?;
        if !pem.windows(27).any(|window| window == b"-----BEGIN CERTIFICATE-----") {
            return Err(fault("it has no certificate in PEM form".to_owned()));
        }
        Ok(Some(pem))
    }
}
