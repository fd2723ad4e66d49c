//! What needs another process or another file system.

mod disk_full;
mod kill;
