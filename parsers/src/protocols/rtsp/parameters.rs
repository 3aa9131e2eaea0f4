//! Path and query of an RTSP URL, as far as they may be shown.
//!
//! ```text
//! /user=admin_password=x_channel=1_stream=0.sdp?real_stream/track1
//!  name=value name=value name=value name=value  bare        bare
//! ```
//!
//! Pieces are parted by `/ ? & ; #` and, behind a value, by `_` before a known name.
//!
//! Makers name what is secret in a hundred ways, what is not in a few. So values
//! are kept of names known to be harmless, and `***` stands for all others: the shape
//! of the path is kept for fingerprints. Names are compared as what their `%XX` stand for.
//! A piece without a name is kept, but for what follows an account or a word for a
//! secret (`/admin/x/ch0`, `/admin:x/ch0`).
//!
//! Words of a session description are not made up by people who log in; there,
//! only values of names that speak of a secret are cut.
//!
//! Where it is unclear how far a secret goes, more is cut rather than less.
//!
//! Source: the facts on paths of camera makers. Left out: secrets that stand in the
//! path without anything that tells of them.

/// Appends `path` to `out`, only values of harmless names kept.
pub(super) fn copy_harmless(path: &[u8], out: &mut Vec<u8>) {
    Copy { rest: path, out, keeps: is_harmless, is_url: true, mark }.run();
}

/// The same with stars over each secret, as many as it is long.
pub(super) fn copy_starred(path: &[u8], out: &mut Vec<u8>) {
    let star = |length, out: &mut Vec<u8>| out.resize(out.len().saturating_add(length), b'*');
    Copy { rest: path, out, keeps: is_harmless, is_url: true, mark: star }.run();
}

/// Appends a word of a session description to `out`, values of secret names cut.
pub(super) fn copy_without_secrets(word: &[u8], out: &mut Vec<u8>) {
    let keeps = |name: &[u8]| !is_secret_name(name) && !SECRET_NAMES.contains(&name);
    Copy { rest: word, out, keeps, is_url: false, mark }.run();
}

/// Whether a parameter of this name holds a secret.
#[must_use]
pub fn is_secret_name(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.windows(word.len()).any(|window| window == *word))
        || SECRET_ENDS.iter().any(|end| name.ends_with(end))
}

struct Copy<'a, 'o> {
    rest: &'a [u8],
    out: &'o mut Vec<u8>,
    /// Asked with a plain name in lower case.
    keeps: fn(&[u8]) -> bool,
    is_url: bool,
    /// Writes what stands for a secret of so many bytes.
    mark: fn(usize, &mut Vec<u8>),
}

impl<'a> Copy<'a, '_> {
    fn run(mut self) {
        let mut is_value = false;
        let mut follows_account = false;
        while !self.rest.is_empty() {
            let length = piece_length(self.rest, is_value);
            let (name, equals) = name_of(self.rest.get(..length).unwrap_or_default());
            if equals > 0 {
                self.copy(name.len().saturating_add(equals));
                is_value = (self.keeps)(&plain(name));
                if !is_value {
                    self.mask(masked_length(self.rest));
                    self.copy(1);
                }
                follows_account = false;
                continue;
            }
            // A value, or a piece without a name.
            let behind = self.rest.get(length.saturating_add(1)..).unwrap_or_default();
            if self.is_url && follows_account && !is_value && is_secret_piece(name, behind) {
                self.mask(length);
                follows_account = is_account(name);
            } else {
                if !name.is_empty() || is_value {
                    follows_account = self.is_url && !is_value && is_account(name);
                }
                match account_length(name).filter(|_| self.is_url) {
                    Some(account) => {
                        self.copy(account);
                        self.mask(length.saturating_sub(account));
                    }
                    None => self.copy(length),
                }
            }
            self.copy(1);
            is_value = false;
        }
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    fn copy(&mut self, length: usize) {
        let taken = self.take(length);
        self.out.extend_from_slice(taken);
    }

    fn mask(&mut self, length: usize) {
        let length = self.take(length).len();
        (self.mark)(length, self.out);
    }
}

fn mark(_length: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(STANDS_FOR_A_SECRET);
}

/// Up to the next separator.
fn piece_length(rest: &[u8], is_value: bool) -> usize {
    let ends = |at: &usize| match rest.get(*at) {
        Some(b'/' | b'?' | b'&' | b';' | b'#') => true,
        Some(b'_') => is_value && starts_known(rest.get(at.saturating_add(1)..).unwrap_or_default()),
        _ => false,
    };
    (0..rest.len()).find(ends).unwrap_or(rest.len())
}

/// A password may hold anything, `/` and `_` included: it goes up to the next
/// parameter, or to the track that SETUP adds.
fn masked_length(rest: &[u8]) -> usize {
    let ends = |at: &usize| {
        let behind = rest.get(at.saturating_add(1)..).unwrap_or_default();
        match rest.get(*at) {
            Some(b'&' | b';') => starts_named(behind),
            Some(b'/') => starts_known(behind) || is_stream(behind),
            Some(b'_' | b'?' | b'#') => starts_known(behind),
            _ => false,
        }
    };
    (0..rest.len()).find(ends).unwrap_or(rest.len())
}

/// Whether any name and its `=` come first.
fn starts_named(rest: &[u8]) -> bool {
    let (name, equals) = name_of(rest.get(..KNOWN_MAX).unwrap_or(rest));
    equals > 0 && name.iter().all(|&byte| byte.is_ascii_alphanumeric() || b"_-.%".contains(&byte))
}

/// Whether a name comes first that no password would hold by chance, and its `=`.
fn starts_known(rest: &[u8]) -> bool {
    let (name, equals) = name_of(rest.get(..KNOWN_MAX).unwrap_or(rest));
    if equals == 0 {
        return false;
    }
    let name = plain(name);
    is_harmless(&name) || has(OPENS_A_SECRET, &name)
}

/// What stands before the first `=`, and the length of that `=`, which is 0 where there is none.
fn name_of(piece: &[u8]) -> (&[u8], usize) {
    match position(piece, b'=') {
        Some((at, length)) => (piece.get(..at).unwrap_or_default(), length),
        None => (piece, 0),
    }
}

/// Where `wanted` first stands and in how many bytes: as itself or as `%XX`.
fn position(bytes: &[u8], wanted: u8) -> Option<(usize, usize)> {
    (0..bytes.len()).find_map(|at| {
        let (byte, length) = plain_byte(bytes.get(at..)?)?;
        (byte == wanted).then_some((at, length))
    })
}

/// `bytes` in lower case, their `%XX` as what they stand for.
fn plain(mut bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    while let Some((byte, length)) = plain_byte(bytes) {
        out.push(byte.to_ascii_lowercase());
        bytes = bytes.get(length..).unwrap_or_default();
    }
    out
}

fn plain_byte(bytes: &[u8]) -> Option<(u8, usize)> {
    let digit = |at: usize| char::from(*bytes.get(at)?).to_digit(16).and_then(|it| u8::try_from(it).ok());
    let first = *bytes.first()?;
    match (first, digit(1), digit(2)) {
        (b'%', Some(high), Some(low)) => Some((high << 4 | low, 3)),
        _ => Some((first, 1)),
    }
}

fn has(words: &str, word: &[u8]) -> bool {
    words.split(' ').any(|it| it.as_bytes() == word)
}

fn is_harmless(name: &[u8]) -> bool {
    has(HARMLESS, name)
}

/// Whether what follows is likely a password.
fn is_account(piece: &[u8]) -> bool {
    let piece = plain(piece);
    has(ACCOUNTS, &piece) || has(OPENS_A_SECRET, &piece)
}

/// Whether a piece that follows an account is its password: all are but words for a
/// stream, and they are too where such a word follows once more.
fn is_secret_piece(piece: &[u8], behind: &[u8]) -> bool {
    let next = behind.get(..piece_length(behind, false)).unwrap_or_default();
    !piece.is_empty() && (!is_stream(piece) || (is_stream(next) && !plain(next).starts_with(b"track")))
}

/// Whether `piece` consists of words for streams and short numbers: `ch0_0.h264`, `track1`, `main`.
fn is_stream(piece: &[u8]) -> bool {
    let piece = plain(piece.get(..STREAM_MAX).unwrap_or(piece));
    let mut words =
        piece.split(|byte| !byte.is_ascii_alphabetic()).filter(|word| !word.is_empty()).peekable();
    let digits = piece.iter().filter(|byte| byte.is_ascii_digit()).count();
    let is_plain = piece.iter().all(|&byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    is_plain
        && piece.len() < STREAM_MAX
        && digits <= DIGITS_MAX
        && words.peek().is_some()
        && words.all(|word| has(STREAM_WORDS, word))
}

/// Length of `account:` where a password follows. An hour, as in `2026-01-01T10:00:00Z`, is no account.
fn account_length(piece: &[u8]) -> Option<usize> {
    let (at, length) = position(piece, b':')?;
    let end = at.saturating_add(length);
    let is_time = piece.iter().all(|byte| byte.is_ascii_digit() || b"TZtz:+-._".contains(byte));
    (end < piece.len() && at > 0 && !is_time).then_some(end)
}

const STANDS_FOR_A_SECRET: &[u8] = b"***";

/// More than the longest of the names below, its `=` and some `%XX`; what is longer passes for a part of a secret.
const KNOWN_MAX: usize = 64;

/// No name of a stream is as long.
const STREAM_MAX: usize = 40;

/// Of a stream's numbers together, as in `h264Preview_01_main`; longer ones are passwords.
const DIGITS_MAX: usize = 5;

/// Names of parameters whose values say what is asked for, and of whom: an account is no secret.
const HARMLESS: &str = "\
    audio audiocodec bitrate cam camera ch channel channelid chn codec compression date enc end endtime \
    event format fps framerate h26x height inst line meta metadata mode multicast profile proto ptz \
    quality range res resolution rotation scale size speed start starttime stream streamid streamindex \
    streamprofile streamtype subtype time track trackid transport transportmode type unicast user \
    username video videobitrate videocodec videokeyframeinterval videoquality width";

/// Accounts that cameras and recorders come with.
const ACCOUNTS: &str = "\
    666666 888888 admin admin1 administrator anonymous default demo guest installer operator root \
    service supervisor support ubnt user user1 username viewer";

/// Words before a secret, as a parameter's name or as a piece of the path.
const OPENS_A_SECRET: &str = "auth key loginpas pass passwd password pwd session sessionid sid token";

/// Words of which names of streams are made.
const STREAM_WORDS: &str = "\
    amp audio av c cam camera ch channel channels h hd jpeg live livestream main mainstream media mjpeg \
    mp mpeg multicast onvif play playback preview primary profile s sd sdp secondary smp stm stream \
    streamid streaming streams sub substream tcp third track trackid tracks udp unicast v video";

/// Parts of names of secret parameters.
const SECRET_WORDS: &[&[u8]] =
    &[b"pass", b"pwd", b"psw", b"secret", b"token", b"auth", b"cred", b"signature", b"nonce", b"digest"];

/// Ends of such names, too short to look for in the middle of a word.
const SECRET_ENDS: &[&[u8]] = &[b"key", b"pw", b"sig", b"_pin"];

/// Such names that are too short even for that.
const SECRET_NAMES: &[&[u8]] = &[b"hash", b"jsessionid", b"loginpas", b"p", b"session", b"sessionid", b"sid"];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(path: &str) -> String {
        let mut out = Vec::new();
        copy_harmless(path.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn paths_of_makers_stay_as_they_are() {
        for path in [
            "/Streaming/tracks/101?starttime=20260101T000000Z&endtime=20260101T010000Z",
            "/Streaming/channels/1202?transportmode=unicast",
            "/cam/realmonitor?channel=1&subtype=0&unicast=true&proto=Onvif",
            "/cam/realmonitor?channel=1/trackID=1",
            "/cam/playback?channel=1&starttime=2026_01_01_00_00_00",
            "/replay?starttime=2026-01-01T10:00:00Z",
            "/axis-media/media.amp?camera=1&videocodec=h264&resolution=640x480&streamprofile=Quality",
            "/onvif-media/media.amp?profile=profile_1_h264",
            "/h264.sdp?res=half",
            "/defaultPrimary?streamType=u",
            "/rtsp_tunnel?h26x=4&line=1&inst=1&enc=2",
            "/nphMpeg4/g726-640x480",
            "/user/live",
            "/live?%63hannel=1",
            "/trackID=1",
            "a/b//c?tcp",
            "*",
            "",
        ] {
            assert_eq!(shown(path), path);
        }
    }

    #[test]
    fn values_of_all_other_names_go() {
        for (path, without) in [
            ("/l?loginuse=u1&loginpas=x1", "/l?loginuse=***&loginpas=***"),
            ("/l?u=u1&p=x1&channel=1", "/l?u=***&p=***&channel=1"),
            ("/l?sid=x1", "/l?sid=***"),
            ("/l?session=x1;hash=ab/cd==", "/l?session=***;hash=***"),
            ("/l;jsessionid=x1?channel=1", "/l;jsessionid=***?channel=1"),
            ("/l;jsessionid=x1/track2", "/l;jsessionid=***/track2"),
            ("/l?%70assword=x1&%63h=2", "/l?%70assword=***&%63h=2"),
            ("/l?password%3Dx1", "/l?password%3D***"),
            ("/user%3Dadmin%26password%3Dx1", "/user%3Dadmin%26password%3D***"),
            ("/l?whatever=x1&x1", "/l?whatever=***"),
            ("/l?token=x1/trackID=3", "/l?token=***/trackID=3"),
            ("/l?channel=1=x1", "/l?channel=1=***"),
            ("/l?user=admin:x1&channel=1", "/l?user=admin:***&channel=1"),
            ("/l?=x1", "/l?=***"),
        ] {
            assert_eq!(shown(path), without);
        }
    }

    #[test]
    fn password_in_a_recorders_path_goes_and_its_shape_stays() {
        for (path, without) in [
            (
                "/user=admin_password=tlJwpbo6_channel=1_stream=0.sdp?real_stream",
                "/user=admin_password=***_channel=1_stream=0.sdp?real_stream",
            ),
            (
                "/user=admin_password=a_b/c_channel=1_stream=0.sdp",
                "/user=admin_password=***_channel=1_stream=0.sdp",
            ),
            (
                "/user=adminpassword=x1_channel=1_stream=0.sdp",
                "/user=adminpassword=***_channel=1_stream=0.sdp",
            ),
            (
                "/user=admin&password=&channel=1&stream=0.sdp",
                "/user=admin&password=***&channel=1&stream=0.sdp",
            ),
        ] {
            assert_eq!(shown(path), without);
        }
    }

    #[test]
    fn what_follows_an_account_goes() {
        for (path, without) in [
            ("/admin/x1/ch0", "/admin/***/ch0"),
            ("/Admin/123456/ch1/main", "/Admin/***/ch1/main"),
            ("/%61dmin/x1/stream", "/%61dmin/***/stream"),
            ("/admin/camera1/ch0", "/admin/***/ch0"),
            ("/admin/admin/ch0", "/admin/***/ch0"),
            ("/live/user/root/x1/ch0", "/live/user/***/***/ch0"),
            ("/user/live/track1", "/user/live/track1"),
            ("/viewer//x1", "/viewer//***"),
            ("/0/bob:x1/main", "/0/bob:***/main"),
            ("/0/bob%3Ax1/main", "/0/bob%3A***/main"),
            ("/password/x1/ch0", "/password/***/ch0"),
            ("/l?admin&x1", "/l?admin&***"),
        ] {
            assert_eq!(shown(path), without);
        }
    }

    #[test]
    fn words_of_a_description_lose_secrets_alone() {
        for (word, without) in [
            ("packetization-mode=1;profile-level-id=42", "packetization-mode=1;profile-level-id=42"),
            ("sprop-parameter-sets=Z0IA/A==,aM4=;", "sprop-parameter-sets=Z0IA/A==,aM4=;"),
            ("MEDIAINFO=494D4B48", "MEDIAINFO=494D4B48"),
            ("npt=0:10:20-", "npt=0:10:20-"),
            ("admin/live", "admin/live"),
            ("x?%70wd=x1&ch=1", "x?%70wd=***&ch=1"),
            ("x?sid=x1", "x?sid=***"),
        ] {
            let mut out = Vec::new();
            copy_without_secrets(word.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), without);
        }
    }

    proptest! {
        #[test]
        fn cutting_twice_is_cutting_once(
            pieces in prop::collection::vec("[/?&;_=:%]|%3D|admin|user|password|channel|ch0|track1|x1|[ -~]{0,3}", 0..12),
        ) {
            let once = shown(&pieces.concat());
            prop_assert_eq!(shown(&once), once);
        }

        #[test]
        fn a_value_never_shows(
            name in "[a-z]{1,3}pas|p|sid|hash|[%]70wd", value in "[!-~]{0,8}Zq7[!-~]{0,8}", end in "(&channel=1)?",
        ) {
            // What reads like a parameter of its own begins one, and its name is kept.
            prop_assume!(!value.contains(['=', '%']));
            let text = shown(&format!("/l?{name}={value}{end}"));
            prop_assert!(!text.contains("Zq7"), "{}", text);
        }

        #[test]
        fn any_bytes_will_do(path in prop::collection::vec(any::<u8>(), 0..80)) {
            copy_harmless(&path, &mut Vec::new());
            copy_without_secrets(&path, &mut Vec::new());
        }
    }
}
