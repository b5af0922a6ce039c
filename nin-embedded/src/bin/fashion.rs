//! stub
#![cfg_attr(target_os = "none", no_std, no_main)]
use nin_embedded::{Board, Error, budget, firmware, say};
const RAM_BUDGET: usize = budget(option_env!("NIN_RAM_BUDGET"), 32 * 1024);
const FLASH_BUDGET: usize = budget(option_env!("NIN_FLASH_BUDGET"), 320 * 1024);
firmware!(fashion, ram: RAM_BUDGET, flash: FLASH_BUDGET);
fn fashion(board: &impl Board) -> Result<(), Error> {
    let t = board.clock();
    say!(board, "hello {} {}", board.name(), board.arguments());
    let u = board.clock();
    say!(board, "{} {} {:?} {:?}", u - t, board.unit(), board.usage(), board.models().len());
    let mut a = [1.0f32; 100];
    for _ in 0..20_000 { for x in core::hint::black_box(&mut a) { *x = *x * 1.01 + 0.1; } }
    say!(board, "{} {:?} {:x}", board.clock() - u, board.usage(), a[3].to_bits());
    if board.asked("fail") { return Err(Error::Taken); }
    if board.asked("panic") { panic!("at the disco"); }
    Ok(())
}
