//! A table of files and labels: CSV, or TSV with tabs.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::names::composed;
use super::parts;
use crate::data::{DataError, Part, Result, is_picture};
use crate::support::text::{grouped, visible};

/// Names of the column of files.
const FILE: [&str; 13] = [
    "file",
    "filename",
    "file_name",
    "filepath",
    "file_path",
    "path",
    "image",
    "image_path",
    "image_name",
    "img",
    "id",
    "image_id",
    "name",
];
/// Names of the column of labels.
const LABEL: [&str; 7] = ["label", "class", "class_name", "category", "target", "species", "labels"];
/// Names of the column of parts.
const PART: [&str; 5] = ["split", "set", "subset", "partition", "part"];

/// Far more than any table of pictures has.
const MOST_BYTES: u64 = 1 << 30;

/// One row: the class, the file, and the part, if the table has that column.
pub(super) struct Row {
    pub class: String,
    pub file: PathBuf,
    pub part: Option<Part>,
}

/// Returns whether a path has the extension of a table of files and labels, `.csv` or `.tsv`.
pub fn is_table(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ["csv", "tsv"].iter().any(|known| ending.eq_ignore_ascii_case(known)))
}

/// Reads a table. Files are relative to its folder. The first line may name the columns; without names, the first column
/// has the files and the second one the labels.
///
/// # Errors
/// A file that is missing or not UTF-8; columns that are not found; a row without file or label, or with a part that is
/// not known. Each names the line.
pub(super) fn read(path: &Path) -> Result<Vec<Row>> {
    let wrong = |problem: String, advice: &str| DataError::file(path, problem, advice);
    let length = std::fs::metadata(path).map_err(DataError::io(path, "read"))?.len();
    if length > MOST_BYTES {
        return Err(wrong(format!("has {} bytes, too many for a table", grouped(length)), "divide it"));
    }
    let mut file = BufReader::new(File::open(path).map_err(DataError::io(path, "open"))?);
    let delimiter = delimiter(path, file.fill_buf().map_err(DataError::io(path, "read"))?);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .trim(csv::Trim::All)
        .from_reader(file.take(MOST_BYTES));
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut columns: Option<Columns> = None;
    let mut rows = Vec::new();
    for (index, record) in reader.records().enumerate() {
        let record = record.map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(error) => DataError::io(path, "read")(error),
            csv::ErrorKind::Utf8 { .. } => wrong(format!("line {} is not UTF-8", index + 1), "save it as UTF-8"),
            _ => wrong(format!("line {} is damaged", index + 1), "save it as CSV"),
        })?;
        let columns = match columns {
            Some(columns) => columns,
            None => {
                let (found, has_names) = Columns::find(&record, folder).ok_or_else(|| {
                    let header: Vec<String> = record.iter().take(8).map(|name| visible(name).into_owned()).collect();
                    let problem =
                        format!("has the columns '{}', not one of files and one of labels", header.join("', '"));
                    wrong(problem, "name two columns 'file' and 'label' in its first line")
                })?;
                columns = Some(found);
                if has_names {
                    continue;
                }
                found
            }
        };
        let line = || record.position().map_or(index as u64 + 1, csv::Position::line);
        let field = |column: usize| record.get(column).filter(|text| !text.is_empty());
        let (Some(file), Some(class)) = (field(columns.file), field(columns.label)) else {
            let problem = format!("line {} has no file or no label", grouped(line()));
            return Err(wrong(problem, "give each row both, or remove it"));
        };
        let part = match columns.part.map(|column| (column, field(column))) {
            None => None,
            Some((_, Some(text))) if parts::named(text).is_some() => parts::named(text),
            Some((_, text)) => {
                let text = visible(text.unwrap_or_default());
                let problem = format!("line {} is of the part '{text}', which is not known", grouped(line()));
                return Err(wrong(problem, "write train, val or test"));
            }
        };
        rows.push(Row { class: composed(class), file: located(folder, file), part });
    }
    Ok(rows)
}

/// Returns what separates the columns: tabs in a `.tsv` file; else what the first line has more of, `,` or `;`.
fn delimiter(path: &Path, start: &[u8]) -> u8 {
    if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("tsv")) {
        return b'\t';
    }
    let line = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let count = |delimiter: u8| line.iter().filter(|&&byte| byte == delimiter).count();
    if count(b';') > count(b',') { b';' } else { b',' }
}

/// The places of the columns.
#[derive(Clone, Copy)]
struct Columns {
    file: usize,
    label: usize,
    part: Option<usize>,
}

impl Columns {
    /// Finds the columns by the first line, and whether that line has their names.
    fn find(first: &csv::StringRecord, folder: &Path) -> Option<(Self, bool)> {
        // Excel begins a file with a byte order mark.
        let names: Vec<String> =
            first.iter().map(|name| name.trim_start_matches('\u{feff}').trim().to_lowercase()).collect();
        let column = |known: &[&str]| known.iter().find_map(|known| names.iter().position(|name| name == known));
        if let (Some(file), Some(label)) = (column(&FILE), column(&LABEL)) {
            return Some((Self { file, label, part: column(&PART) }, true));
        }
        let file = first.get(0).map(Path::new).filter(|_| first.len() == 2)?;
        (is_picture(file) || folder.join(file).is_file()).then_some((Self { file: 0, label: 1, part: None }, false))
    }
}

/// Returns the path of a file that a table names. Some tables leave out the extension.
fn located(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    if is_picture(&path) || path.exists() {
        return path;
    }
    let with = |ending: &&str| {
        let mut named = path.clone().into_os_string();
        named.push(ending);
        PathBuf::from(named)
    };
    [".jpg", ".png", ".jpeg", ".JPG", ".webp"].iter().map(with).find(|path| path.is_file()).unwrap_or(path)
}
