//! The catalogue of incidents and of the mirror's forms, made from the simulator's own lists.

use std::fmt::Write;

use spanwatch_simulator::incident::ALL;
use spanwatch_simulator::mirror::Form;

/// What `-h` says behind the options.
pub fn hint() -> &'static str {
    "The catalogue of incidents and of the mirror's forms: spanwatch simulate --help"
}

/// What `--help` says behind the options.
pub fn catalogue() -> String {
    let mut text = String::from(
        "Incidents, as KIND[@TIME][:SUBJECT][+LENGTH], for instance power-cycle@2m:cam-007+40s.\n\
         TIME counts from the start; SUBJECT is a name of --list, vlan-10 or mirror; LENGTH may be\n\
         forever. What is not said is drawn by the seed. In brackets how long a kind lasts then.\n",
    );
    let mut family = None;
    for kind in ALL {
        if family != Some(kind.family) {
            family = Some(kind.family);
            let _ = write!(text, "\n{}:\n", kind.family.heading());
        }
        let lasts = match kind.lasts_s {
            (0, 0) => "throughout".to_owned(),
            (least, most) if least == most => format!("{least} s"),
            (least, most) => format!("{least}-{most} s"),
        };
        entry(&mut text, kind.name, &format!("{} [{lasts}]", kind.about));
    }
    text.push_str("\nForms of the mirror, a list with commas between them, for instance tagged,erspan2:\n");
    for name in Form::NAMES {
        entry(&mut text, name.text, name.line);
    }
    text.push_str(
        "\nA seed that can be divided by three is kept for reporting: leave it alone while tuning a detector.\n\
         docs/simulator.md describes the truth and how to rehearse an outage.",
    );
    text
}

/// One name and what it is, broken into lines.
fn entry(text: &mut String, name: &str, about: &str) {
    let mut column = 0;
    for word in about.split(' ') {
        let is_first = column == 0;
        if is_first {
            let _ = write!(text, "  {name:<NAME_WIDTH$}");
        } else if column + 1 + word.len() > WIDTH {
            text.push('\n');
            text.extend(std::iter::repeat_n(' ', NAME_WIDTH + 2));
            column = 0;
        } else {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += word.len();
    }
    text.push('\n');
}

const NAME_WIDTH: usize = 22;
const WIDTH: usize = 74;
