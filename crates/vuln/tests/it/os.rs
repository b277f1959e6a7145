//! Package databases, the distribution, and layers laid over each other.

mod alpm;
mod apk;
mod distro;
mod dpkg;
mod layer;
mod merge;
mod merge_model;
mod rpm;
mod rpm_tools;
mod rpmdb;
