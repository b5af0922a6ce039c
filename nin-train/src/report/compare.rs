//! A table that compares networks. It shows the book's motivation for NiN: far fewer parameters.

use std::fmt;

use nin_core::Plan;

use crate::network::resources::{HostMemory, Resources};
use crate::support::text::{Align, Table, bytes, grouped};

/// One network of a comparison.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The network's name in the table.
    pub name: String,
    /// The network.
    pub plan: Plan,
    /// A note about the line, if there is one.
    pub note: Option<String>,
}

/// Prints networks side by side, each compared with the first. With a width, as in `{:80}`, the table leaves out columns
/// to fit.
#[derive(Clone, Copy, Debug)]
pub struct Comparison<'a> {
    /// The networks.
    pub candidates: &'a [Candidate],
    /// Batch size, for the memory of training and prediction on the host.
    pub batch: u64,
}

/// Returns the ratio of `other` to `first` as text: `65×`, `1.2×` or `1/32`.
fn times(other: u64, first: u64) -> String {
    match other as f64 / first as f64 {
        ratio if !ratio.is_finite() || ratio == 0.0 => String::new(),
        ratio if ratio >= 9.95 => format!("{}×", grouped(ratio.round() as u64)),
        ratio if ratio > 0.1 => format!("{ratio:.1}×"),
        ratio => format!("1/{}", grouped((1.0 / ratio).round() as u64)),
    }
}

impl fmt::Display for Comparison<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Align::{Left, Right};
        let training = format!("training {}", self.batch);
        let prediction = format!("prediction {}", self.batch);
        let mut table = Table::new([
            ("network", Left),
            ("parameters", Right),
            ("", Right),
            ("MACs", Right),
            ("", Right),
            ("RAM int8", Right),
            ("flash int8", Right),
            ("RAM f32", Right),
            ("flash f16", Right),
            ("flash f32", Right),
            ("layer by layer", Right),
            (training.as_str(), Right),
            (prediction.as_str(), Right),
        ]);
        // The ratios go last: without them there is no room for the sizes.
        let order = [12, 11, 10, 9, 8, 7, 4, 2];
        table.narrower((1..=order.len()).map(|count| order[..count].to_vec()));
        let first = self.candidates.first().map(|candidate| Resources::new(&candidate.plan));
        for candidate in self.candidates {
            let sum = Resources::new(&candidate.plan);
            let host = HostMemory::new(&candidate.plan, self.batch);
            let against = |of: fn(&Resources) -> u64| first.as_ref().map_or(String::new(), |f| times(of(&sum), of(f)));
            table.row([
                candidate.name.clone(),
                grouped(sum.parameters),
                against(|r| r.parameters),
                grouped(sum.macs),
                against(|r| r.macs),
                bytes(sum.streaming_int8),
                bytes(sum.flash_int8),
                bytes(sum.streaming),
                bytes(sum.flash_f16),
                bytes(sum.flash_f32),
                bytes(sum.layer_by_layer_int8),
                bytes(host.training),
                bytes(host.prediction),
            ]);
        }
        fmt::Display::fmt(&table, f)?;
        writeln!(f, "\n")?;
        for candidate in self.candidates {
            let note = candidate.note.iter().map(|note| format!(": {note}")).collect::<String>();
            writeln!(f, "{}{note}\n  {}", candidate.name, candidate.plan.spec())?;
        }
        writeln!(f)?;
        write!(
            f,
            "RAM: working memory on a board for one image, which streams row by row; weights\n\
             stay in flash. int8: on a Cortex-M4. Layer by layer: in 8 bits, with whole maps.\n\
             Training and prediction: memory on a host, with batches of {} images and all\n\
             their maps kept.",
            grouped(self.batch)
        )
    }
}

#[cfg(test)]
mod tests {
    use nin_core::{Plan, Spec};

    use super::{Candidate, Comparison, times};

    #[test]
    fn ratios_keep_two_digits() {
        assert_eq!(times(128_806_154, 1_992_166), "65×");
        assert_eq!(times(61_706, 1_992_166), "1/32");
        assert_eq!(times(416_520, 762_297_352), "1/1,830");
        assert_eq!(times(1, 1), "1.0×");
        assert_eq!(times(9_951, 1_000), "10×");
        assert_eq!(times(1, 0), "");
    }

    #[test]
    fn each_network_has_a_row_and_a_line() {
        let candidate = |name: &str, line: &'static str, note: Option<&str>| Candidate {
            name: name.into(),
            plan: Plan::new(Spec::new(line)),
            note: note.map(str::to_owned),
        };
        let candidates = [candidate("a", "1x4x4 nin3:2 gap", None), candidate("b", "1x4x4 fc2", Some("just a layer"))];
        let text = Comparison { candidates: &candidates, batch: 32 }.to_string();
        assert!(text.contains("training 32") && text.contains("\nb: just a layer\n  1x4x4 fc2\n"), "{text}");
        assert!(text.contains("\na\n  1x4x4 nin3:2 gap\n"), "{text}");
    }
}
