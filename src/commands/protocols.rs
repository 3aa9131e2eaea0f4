//! `spanwatch protocols`: what can be read, from the registry itself.

use std::io::Write;
use std::process::ExitCode;

use spanwatch_parsers::On;

use super::Failure;

/// List the protocols that Spanwatch reads
///
/// Example: spanwatch protocols
#[derive(Debug, clap::Args)]
pub struct Protocols {}

impl Protocols {
    /// Prints one line a protocol.
    ///
    /// # Errors
    /// Those of standard output.
    pub fn run(&self) -> Result<ExitCode, Failure> {
        let mut out = std::io::stdout().lock();
        let rows: Vec<[String; 2]> = spanwatch_parsers::ALL
            .iter()
            .map(|parser| {
                let on: Vec<String> = parser.on.iter().map(|on| place(*on)).collect();
                [parser.name.to_owned(), on.join(", ")]
            })
            .collect();
        let [names, places] =
            [0, 1].map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0));
        for (parser, [name, on]) in spanwatch_parsers::ALL.iter().zip(rows) {
            writeln!(out, "{name:<names$}  {on:<places$}  {} ({})", parser.about, parser.source)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn place(on: On) -> String {
    match on {
        On::EtherType(ethertype) => format!("EtherType 0x{ethertype:04x}"),
        On::Llc(sap) => format!("LLC 0x{sap:02x}"),
        On::Snap([a, b, c], kind) => format!("SNAP {a:02x}-{b:02x}-{c:02x} 0x{kind:04x}"),
        On::Ip(ICMPV6) => "ICMPv6".to_owned(),
        On::Ip(protocol) => format!("IP protocol {protocol}"),
        On::Udp(port) => format!("UDP {port}"),
        On::Tcp(port) => format!("TCP {port}"),
        On::AnyUdp => "any UDP port".to_owned(),
        On::AnyTcp(_) => "any TCP port".to_owned(),
    }
}

const ICMPV6: u8 = 58;
