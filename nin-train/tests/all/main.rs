//! All tests of the trainer in one program, a file each: one program is linked once, and runs its tests side by side.
//! `cargo test -p nin-train --test all gradients::` runs those of one file. (`../allocations.rs` is a program of its
//! own, for its allocator.)

mod affine_cli;
mod arrays;
mod cli;
mod common;
mod confidence_cli;
mod data_cli;
mod dataset_cache;
mod dataset_cifar;
mod dataset_fetch;
mod dataset_folder;
mod dataset_idx;
mod dataset_layout;
mod dataset_npz;
mod dataset_pictures;
mod dataset_subset;
mod distill;
mod firmware_cli;
mod generated_source;
mod gradients;
mod hostile;
mod hostile_numbers;
mod images;
mod initial;
mod json_cli;
mod known_images;
mod naive;
mod program;
mod quantize_aware;
mod quantize_aware_zero;
mod quantize_cli;
mod quantize_family;
mod recipe;
mod report_cli;
mod safetensors;
mod same_bytes;
mod search_cli;
mod test_images;
mod timeless;
mod train_cli;
mod trust;
