//! Plans and services around a person: filled by the community, mental health, ambulance and council sources.
