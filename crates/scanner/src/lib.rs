//! Where images come from, how their layers are read, and scans as a service.
