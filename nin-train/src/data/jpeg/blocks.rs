//! A walk over the blocks of a scan.

use super::Fault;
use super::bits::{Bits, Table};
use super::frame::{Component, Frame, Scan};

/// The walk over one scan.
pub(super) struct Walk<'a> {
    pub bits: Bits<'a>,
    pub dc: &'a [Option<Table>; 4],
    pub ac: &'a [Option<Table>; 4],
    /// Units between two restart markers; 0 for none.
    pub restart: usize,
}

impl Walk<'_> {
    /// Reads all blocks of a scan. On a fault, returns it with the share of the scan before it (0 to 1).
    pub fn run(&mut self, frame: &mut Frame, scan: &Scan) -> Result<(), (Fault, f64)> {
        let (across, down) = scan.units;
        let total = across * down;
        // Blocks whose remaining coefficients are all zero, from a code for many at once.
        let mut empty = 0;
        for unit in 0..total {
            let at = |fault| (fault, unit as f64 / total as f64);
            if self.restart > 0 && unit > 0 && unit % self.restart == 0 {
                self.bits.restart((unit / self.restart - 1) % 8).map_err(at)?;
                empty = 0;
            }
            let (row, column) = (unit / across, unit % across);
            for &part in &scan.parts {
                let component = &mut frame.components[part.0];
                let (blocks_across, blocks_down) = match scan.parts.len() {
                    1 => (1, 1),
                    _ => (component.across, component.down),
                };
                for y in 0..blocks_down {
                    for x in 0..blocks_across {
                        let block = (row * blocks_down + y) * component.stride + column * blocks_across + x;
                        self.block(component, block, part, scan, &mut empty).map_err(at)?;
                    }
                }
            }
        }
        self.bits.finish().map_err(|fault| (fault, 1.0))?;
        // Later scans of a progressive frame add to what the scan of the first coefficient gave.
        if scan.band.0 == 0 {
            scan.parts.iter().for_each(|&(index, ..)| frame.components[index].is_whole = true);
        }
        Ok(())
    }

    fn block(
        &mut self,
        component: &mut Component,
        block: usize,
        (_, dc, ac): (usize, usize, usize),
        scan: &Scan,
        empty: &mut u32,
    ) -> Result<(), Fault> {
        let (first, last) = scan.band;
        if first == 0 && scan.refines {
            return self.bits.read(1).map(drop);
        }
        if first == 0 {
            let dc = self.dc.get(dc).and_then(Option::as_ref).ok_or(Fault::Damaged)?;
            let size = u32::from(self.bits.symbol(dc)?);
            if size > 16 {
                return Err(Fault::Damaged);
            }
            self.bits.read(size)?;
            if last == 0 {
                return Ok(());
            }
        }
        let ac = self.ac.get(ac).and_then(Option::as_ref).ok_or(Fault::Damaged)?;
        match component.nonzero.get_mut(block) {
            Some(nonzero) if scan.refines => refine(&mut self.bits, ac, (first, last), nonzero, empty),
            nonzero => coefficients(&mut self.bits, ac, (first.max(1), last), nonzero, empty),
        }
    }
}

/// Reads the coefficients `first` to `last` of a block for the first time.
fn coefficients(
    bits: &mut Bits<'_>,
    table: &Table,
    (first, last): (u32, u32),
    mut nonzero: Option<&mut u64>,
    empty: &mut u32,
) -> Result<(), Fault> {
    if *empty > 0 {
        *empty -= 1;
        return Ok(());
    }
    let mut k = first;
    while k <= last {
        let symbol = bits.symbol(table)?;
        let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        if size > 0 {
            k += run;
            if k > last {
                return Err(Fault::Damaged);
            }
            bits.read(size)?;
            if let Some(nonzero) = nonzero.as_deref_mut() {
                *nonzero |= 1 << k;
            }
            k += 1;
        } else if run == 15 {
            k += 16;
            if k > last + 1 {
                return Err(Fault::Damaged);
            }
        } else {
            // The end of this block, and in progressive frames of 2^run - 1 or more blocks that follow.
            if run > 0 && nonzero.is_none() {
                return Err(Fault::Damaged);
            }
            *empty = (1 << run) - 1 + bits.read(run)?;
            break;
        }
    }
    Ok(())
}

/// Reads one more bit of the coefficients `first` to `last` of a block.
fn refine(
    bits: &mut Bits<'_>,
    table: &Table,
    (first, last): (u32, u32),
    nonzero: &mut u64,
    empty: &mut u32,
) -> Result<(), Fault> {
    let mut k = first;
    if *empty == 0 {
        while k <= last {
            let symbol = bits.symbol(table)?;
            let (mut run, size) = (symbol >> 4, symbol & 15);
            match size {
                0 if run < 15 => {
                    *empty = (1 << run) + bits.read(run.into())?;
                    break;
                }
                0 => {}
                // The sign of a coefficient that was zero so far.
                1 => drop(bits.read(1)?),
                _ => return Err(Fault::Damaged),
            }
            // Pass over `run` zeros to the place of the new coefficient; those that are not zero have a bit each.
            let mut placed = false;
            while k <= last && !placed {
                if *nonzero >> k & 1 == 1 {
                    bits.read(1)?;
                } else if run > 0 {
                    run -= 1;
                } else {
                    placed = true;
                    *nonzero |= u64::from(size) << k;
                }
                k += 1;
            }
            if !placed && size == 1 {
                return Err(Fault::Damaged);
            }
        }
    }
    if *empty > 0 {
        *empty -= 1;
        while k <= last {
            if *nonzero >> k & 1 == 1 {
                bits.read(1)?;
            }
            k += 1;
        }
    }
    Ok(())
}
