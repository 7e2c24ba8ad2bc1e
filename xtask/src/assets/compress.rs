//! Each file compressed once at the build, so that the server never has to.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use brotli::enc::BrotliEncoderParams;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::size::{Report, Size};
use super::write_if_changed;

const BROTLI_QUALITY: i32 = 11;

/// Writes the `.br` and the `.gz` of each file beside it, and says how large they all are.
pub(crate) fn compress(files: &[PathBuf]) -> Result<Report> {
    let mut sizes = Vec::with_capacity(files.len());
    for file in files {
        let failed = || format!("{} cannot be compressed", file.display());
        let content = fs::read(file).with_context(failed)?;
        let brotli = brotli(&content).with_context(failed)?;
        let gzip = gzip(&content).with_context(failed)?;
        write_if_changed(&with_suffix(file, ".br"), &brotli)?;
        write_if_changed(&with_suffix(file, ".gz"), &gzip)?;
        sizes.push(Size {
            name: file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            raw: content.len(),
            gzip: gzip.len(),
            brotli: brotli.len(),
        });
    }
    Ok(Report::new(sizes))
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn brotli(content: &[u8]) -> io::Result<Vec<u8>> {
    let parameters =
        BrotliEncoderParams { quality: BROTLI_QUALITY, size_hint: content.len(), ..BrotliEncoderParams::default() };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut &content[..], &mut compressed, &parameters)?;
    Ok(compressed)
}

fn gzip(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    const TEXT: &[u8] = b"live live live live live live live live live live live live";

    #[test]
    fn what_is_compressed_can_be_read_back() -> io::Result<()> {
        let mut from_brotli = Vec::new();
        let compressed = brotli(TEXT)?;
        brotli::BrotliDecompress(&mut compressed.as_slice(), &mut from_brotli)?;
        assert_eq!(from_brotli, TEXT);
        assert!(compressed.len() < TEXT.len());

        let mut from_gzip = Vec::new();
        let compressed = gzip(TEXT)?;
        flate2::read::GzDecoder::new(compressed.as_slice()).read_to_end(&mut from_gzip)?;
        assert_eq!(from_gzip, TEXT);
        Ok(())
    }

    #[test]
    fn the_same_content_compresses_to_the_same_bytes() -> io::Result<()> {
        assert_eq!(gzip(TEXT)?, gzip(TEXT)?);
        assert_eq!(brotli(TEXT)?, brotli(TEXT)?);
        Ok(())
    }

    #[test]
    fn the_encoding_follows_the_whole_name() {
        assert_eq!(with_suffix(Path::new("pkg/live.js"), ".br"), Path::new("pkg/live.js.br"));
    }
}
