//! How large the browser's files are, and whether a page may be that large.

use std::fmt::{self, Display};
use std::path::Path;

use anyhow::{Result, ensure};

/// What wasm and JS may weigh together in brotli: what a phone on a slow line loads before a page comes alive.
const BUDGET: usize = 70_000;

/// The size of one file in bytes, as it is and as it travels.
#[derive(Clone, Debug)]
pub(super) struct Size {
    pub(super) name: String,
    pub(super) raw: usize,
    pub(super) gzip: usize,
    pub(super) brotli: usize,
}

impl Size {
    fn is_code(&self) -> bool {
        let extension = Path::new(&self.name).extension();
        extension.is_some_and(|extension| extension == "wasm" || extension == "js")
    }
}

/// The sizes of all files of a build. Shown, it is a table.
pub(crate) struct Report {
    sizes: Vec<Size>,
}

impl Report {
    pub(super) fn new(sizes: Vec<Size>) -> Self {
        Self { sizes }
    }

    /// One sentence on the budget, an error when it is passed.
    pub(crate) fn verdict(&self) -> Result<String> {
        let code: usize = self.sizes.iter().filter(|size| size.is_code()).map(|size| size.brotli).sum();
        ensure!(
            code <= BUDGET,
            "wasm and JS weigh {} bytes in brotli, {} more than the budget of {}: take something \
             out of the frontend",
            grouped(code),
            grouped(code - BUDGET),
            grouped(BUDGET)
        );
        Ok(format!(
            "wasm and JS weigh {} bytes in brotli, {} less than the budget of {}.",
            grouped(code),
            grouped(BUDGET - code),
            grouped(BUDGET)
        ))
    }

    fn total(&self) -> Size {
        let sum = |of: fn(&Size) -> usize| self.sizes.iter().map(of).sum();
        Size {
            name: "total".to_owned(),
            raw: sum(|size| size.raw),
            gzip: sum(|size| size.gzip),
            brotli: sum(|size| size.brotli),
        }
    }
}

impl Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.total();
        let width = self.sizes.iter().map(|size| size.name.len()).max().unwrap_or(0);
        writeln!(formatter, "{:width$} {:>10} {:>10} {:>10}", "bytes", "raw", "gzip", "brotli")?;
        for size in self.sizes.iter().chain([&total]) {
            let [raw, gzip, brotli] = [size.raw, size.gzip, size.brotli].map(grouped);
            writeln!(formatter, "{:width$} {raw:>10} {gzip:>10} {brotli:>10}", size.name)?;
        }
        Ok(())
    }
}

/// A number as people read it: `60,000`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(wasm: usize, js: usize, css: usize) -> Report {
        let size = |name: &str, brotli| Size { name: name.to_owned(), raw: 4 * brotli, gzip: 2 * brotli, brotli };
        Report::new(vec![size("live.js", js), size("live.wasm", wasm), size("live.css", css)])
    }

    #[test]
    fn the_budget_may_be_used_up() {
        let verdict = report(65_000, 5_000, 3_000).verdict().expect("just within");
        assert_eq!(verdict, "wasm and JS weigh 70,000 bytes in brotli, 0 less than the budget of 70,000.");
    }

    #[test]
    fn one_byte_more_is_refused() {
        let error = report(65_000, 5_001, 0).verdict().expect_err("just past").to_string();
        assert!(
            error.starts_with("wasm and JS weigh 70,001 bytes in brotli, 1 more than the budget of 70,000"),
            "{error}"
        );
    }

    #[test]
    fn the_style_sheet_is_not_in_the_budget() {
        assert!(report(50_000, 5_000, 20_000).verdict().is_ok());
    }

    #[test]
    fn the_table_has_each_file_and_the_total() {
        let table = report(50_000, 5_000, 123).to_string();
        let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[0], ["bytes", "raw", "gzip", "brotli"]);
        assert_eq!(lines[2], ["live.wasm", "200,000", "100,000", "50,000"]);
        assert_eq!(lines[4], ["total", "220,492", "110,246", "55,123"]);
    }

    #[test]
    fn digits_stand_in_groups_of_three() {
        assert_eq!([0, 999, 1_000, 70_000, 1_234_567].map(grouped), ["0", "999", "1,000", "70,000", "1,234,567"]);
    }
}
