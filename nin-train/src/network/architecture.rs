//! Architectures as user input: the name of a preset or comparison network, or an architecture line.

use std::fmt;

use nin_core::spec::Connection;
use nin_core::{PRESETS, Plan, Preset, Spec, SpecError, Stage};
use strsim::levenshtein;

use crate::support::text::is_hidden_control;

/// The networks with which the book and the NiN paper compare NiN; they can be planned and trained like any other.
pub const COMPARISONS: &[Preset] = &[
    Preset {
        name: "lenet",
        line: "1x28x28 nin5+2:6 avg2/2 nin5:16 avg2/2 fc120,84,10",
        about: "LeNet as in the book, with ReLU in place of its sigmoids",
    },
    Preset {
        name: "alexnet",
        line: "1x224x224 nin11/4+1:96 max3/2 nin5+2:256 max3/2 nin3+1:384 nin3+1:384 nin3+1:256 max3/2 fc4096 drop0.5 fc4096 drop0.5 fc10",
        about: "AlexNet as in the book, for one input channel and ten classes",
    },
    Preset {
        name: "vgg-11",
        line: "1x224x224 nin3+1:64 max2/2 nin3+1:128 max2/2 nin3+1:256 nin3+1:256 max2/2 nin3+1:512 nin3+1:512 max2/2 nin3+1:512 nin3+1:512 max2/2 fc4096 drop0.5 fc4096 drop0.5 fc10",
        about: "VGG-11 as in the book, for one input channel and ten classes",
    },
];

/// Returns all names: presets, then comparisons.
pub fn named() -> impl Iterator<Item = &'static Preset> {
    PRESETS.iter().chain(COMPARISONS)
}

/// An architecture and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Architecture {
    /// The preset's name; `custom` for a line.
    pub name: String,
    /// The description of a named architecture.
    pub about: Option<&'static str>,
    /// The architecture.
    pub spec: Spec,
}

impl Architecture {
    /// Parses a name or a line. A line equal to a preset's gets the preset's name.
    ///
    /// # Errors
    ///
    /// [`ArchitectureError`] shows the position of the error in a line, or lists the known names.
    pub fn parse(text: &str) -> Result<Self, ArchitectureError> {
        let text = text.trim();
        if let Some(preset) = named().find(|preset| preset.name == text) {
            return Self::parse_line(preset.line);
        }
        // Only a line begins with a digit (its shape) or contains spaces.
        if !text.starts_with(|c: char| c.is_ascii_digit()) && !text.contains(char::is_whitespace) {
            return Err(ArchitectureError::Name(text.to_owned()));
        }
        Self::parse_line(text)
    }

    /// Parses a line.
    ///
    /// # Errors
    ///
    /// [`ArchitectureError::Line`] shows the position of the error.
    pub fn parse_line(line: &str) -> Result<Self, ArchitectureError> {
        let spec = Spec::parse(line).map_err(|error| ArchitectureError::Line { line: line.to_owned(), error })?;
        Ok(Self::of(spec))
    }

    /// Returns the architecture of a parsed specification, with the preset's name if it is a preset.
    pub fn of(spec: Spec) -> Self {
        match named().find(|preset| Spec::parse(preset.line) == Ok(spec)) {
            Some(preset) => Self { name: preset.name.to_owned(), about: Some(preset.about), spec },
            None => Self { name: "custom".to_owned(), about: None, spec },
        }
    }

    /// Returns its shapes and sizes.
    pub fn plan(&self) -> Plan {
        Plan::new(self.spec)
    }
}

/// Parses several architectures from a command line, with quoted or unquoted lines. A word that begins with a digit
/// starts a line, a name stands alone, and any other word continues the line before it.
///
/// # Errors
///
/// As [`Architecture::parse`].
pub fn parse_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Vec<Architecture>, ArchitectureError> {
    let mut texts: Vec<String> = Vec::new();
    let mut open = false;
    for word in words {
        let name = named().any(|preset| preset.name == word.trim());
        let starts = word.trim_start().starts_with(|c: char| c.is_ascii_digit());
        match texts.last_mut() {
            Some(line) if open && !name && !starts => *line += &format!(" {word}"),
            _ => texts.push(word.to_owned()),
        }
        open = !name && (starts || open);
    }
    texts.iter().map(|text| Architecture::parse(text)).collect()
}

/// Returns the first word of a line that 8-bit arithmetic without zero points cannot compute: a convolution in groups, a
/// shortcut, another activation than a ReLU, a window that is not square, or an average that leaves out its padding.
pub fn beyond_unsigned(spec: &Spec) -> Option<String> {
    let beyond = |stage: &Stage| match stage {
        Stage::Block(block) => {
            block.connection != Connection::Full || !block.window.is_square() || !block.widths.all_relu()
        }
        Stage::MaxPool(window) | Stage::AvgPool(window) => !window.is_square(),
        Stage::MeanPool(_) | Stage::Sum(_) => true,
        Stage::Dropout(_) | Stage::GlobalAverage | Stage::Full(_) => false,
    };
    let stages = spec.stages();
    let index = stages.iter().position(beyond)?;
    // The end of a shortcut stands at the word before it.
    Some(match stages[index] {
        Stage::Sum(_) => format!("{}{}", stages[index - 1], stages[index]),
        stage => stage.to_string(),
    })
}

/// The reason why an architecture cannot be parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArchitectureError {
    /// No preset has this name.
    Name(String),
    /// The line is invalid; the message marks the column with a caret.
    Line {
        /// The line.
        line: String,
        /// The error and its position.
        error: SpecError,
    },
}

impl fmt::Display for ArchitectureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => {
                let names: Vec<_> = named().map(|preset| preset.name).collect();
                write!(f, "there is no preset '{name}'")?;
                if let Some(near) = names.iter().min_by_key(|known| levenshtein(known, name))
                    && levenshtein(near, name) <= 2
                {
                    write!(f, "; did you mean '{near}'?")?;
                }
                write!(
                    f,
                    " (presets: {}; or write a line, like \"1x28x28 nin5+2:32,32 max3/2 nin3+1:32,10 gap\")",
                    names.join(", ")
                )
            }
            Self::Line { line, error } => {
                // The column counts bytes, the caret's position characters.
                let at = usize::from(error.column).saturating_sub(1).min(line.len());
                let before = line.char_indices().take_while(|(i, _)| *i < at).count();
                // Tabs and line breaks become spaces, so that the caret is aligned.
                let shown: String = line.chars().map(|c| if is_hidden_control(c) { ' ' } else { c }).collect();
                write!(f, "the architecture line goes wrong at {error}\n  {shown}\n  {:before$}^", "")
            }
        }
    }
}

impl std::error::Error for ArchitectureError {}

#[cfg(test)]
mod tests {
    use super::{Architecture, COMPARISONS, named, parse_words};

    #[test]
    fn every_name_is_read_and_keeps_its_name() {
        for preset in named() {
            let architecture = Architecture::parse(preset.name).unwrap();
            assert_eq!(architecture.name, preset.name);
            assert_eq!(architecture.spec.to_string(), preset.line, "a canonical line");
        }
        assert_eq!(Architecture::parse("1x4x4  fc2").unwrap().name, "custom");
    }

    #[test]
    fn the_comparisons_are_the_books_networks() {
        let parameters: Vec<_> =
            COMPARISONS.iter().map(|preset| Architecture::parse(preset.name).unwrap().plan().parameters()).collect();
        assert_eq!(parameters, [61_706, 46_764_746, 128_806_154]);
    }

    #[test]
    fn a_wrong_line_is_shown_with_a_caret() {
        let error = Architecture::parse("1x28x28 nin5+2;32 gap").unwrap_err().to_string();
        let lines: Vec<_> = error.lines().collect();
        assert_eq!(lines[1], "  1x28x28 nin5+2;32 gap");
        assert_eq!(lines[2], "                ^");
        assert!(lines[0].contains("column 15"), "{error}");
        // A column inside or after characters of several bytes.
        let error = Architecture::parse("1x28x28 ünïn5").unwrap_err().to_string();
        assert_eq!(error.lines().last(), Some("          ^"), "{error}");
    }

    #[test]
    fn a_wrong_name_is_answered_with_the_nearest() {
        let error = Architecture::parse("fashon").unwrap_err().to_string();
        assert!(error.contains("did you mean 'fashion'?") && error.contains("vgg-11"), "{error}");
        assert!(!Architecture::parse("transformer").unwrap_err().to_string().contains("did you mean"));
    }

    #[test]
    fn lines_on_a_command_line_need_no_quotes() {
        let words = ["d2l", "1x8x8", "nin3:4", "gap", "lenet", "1x9x9 fc3", "1x7x7", "fc2"];
        let read = parse_words(words).unwrap();
        let lines: Vec<_> = read.iter().map(|architecture| architecture.spec.to_string()).collect();
        assert_eq!(lines[1], "1x8x8 nin3:4 gap");
        assert_eq!(lines[3..], ["1x9x9 fc3", "1x7x7 fc2"]);
        assert_eq!((read[0].name.as_str(), read[2].name.as_str(), read.len()), ("d2l", "lenet", 5));
        assert!(parse_words(["d2l", "nin3:4"]).is_err(), "a stage without a line");
    }
}
