//! What plugins reach of the world, as far as the configuration lets each of them.

mod shelf;

pub use shelf::StoreShelf;
