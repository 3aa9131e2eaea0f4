//! What we read of real traffic, protocol by protocol, against tshark's reading of the same packets.

mod discovery;
mod http;
mod login;
mod media;
mod onvif;
mod rtsp;
mod ssh_sip;
mod tls;
mod wire;
