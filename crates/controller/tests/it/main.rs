//! The controller, driven from outside.

mod app;
mod world;
