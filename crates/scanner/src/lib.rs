//! Where images come from, how their layers are read, and scans as a service.

pub mod cache;
pub mod digest;
pub mod image;
pub mod inflate;
pub mod layer;
pub mod registry;
pub mod scan;
pub mod service;
pub mod source;
pub mod stop;
