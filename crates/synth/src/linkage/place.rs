//! Where people live: streets of about fifteen households to a postcode, postcodes into sectors, districts and areas as
//! Royal Mail lays them out; and how an address is written. Numbers of telephones are from ranges that nobody holds.

use crate::dice::Dice;

/// Households that share a postcode: 25 million among 1.7 million postcodes in use.
pub(super) const HOUSEHOLDS_A_POSTCODE: u64 = 15;
/// Postcodes in a sector (`LS6 2`), so that a sector has about 2,500 households.
const POSTCODES_A_SECTOR: u64 = 170;
/// Sectors in a district (`LS6`).
const SECTORS_A_DISTRICT: u64 = 6;

/// Postcode areas, their towns, and how many districts each is given here.
const AREAS: [(&str, &str, u64); 24] = [
    ("LS", "Leeds", 29),
    ("BD", "Bradford", 22),
    ("HX", "Halifax", 7),
    ("HD", "Huddersfield", 9),
    ("WF", "Wakefield", 17),
    ("S", "Sheffield", 36),
    ("M", "Manchester", 35),
    ("OL", "Oldham", 16),
    ("BL", "Bolton", 9),
    ("WN", "Wigan", 8),
    ("L", "Liverpool", 40),
    ("B", "Birmingham", 48),
    ("LE", "Leicester", 19),
    ("NG", "Nottingham", 25),
    ("DE", "Derby", 15),
    ("CV", "Coventry", 23),
    ("BS", "Bristol", 40),
    ("E", "London", 18),
    ("N", "London", 22),
    ("SE", "London", 28),
    ("SW", "London", 20),
    ("NE", "Newcastle upon Tyne", 40),
    ("SR", "Sunderland", 8),
    ("TS", "Middlesbrough", 26),
];

/// A home, in parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Address {
    /// `Flat 2`, `Room 14`.
    pub unit: String,
    /// A named house or an institution.
    pub building: String,
    /// `14`, `14A`, or nothing where a house has a name.
    pub number: String,
    pub street: String,
    pub town: String,
    pub postcode: String,
}

/// Which kind of people a sector houses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quarter {
    /// Villages and suburbs: seven in eight White British.
    Shire,
    /// Towns: as England on the whole.
    Town,
    /// Inner cities: two in three are not White British, and one group is many.
    Diverse(u64),
}

/// The quarter that a postcode lies in.
pub(super) fn quarter(seed: u64, postcode: u64) -> Quarter {
    let mut dice = Dice::new(seed, &[21, postcode / POSTCODES_A_SECTOR]);
    match dice.unit() {
        u if u < 0.55 => Quarter::Shire,
        u if u < 0.84 => Quarter::Town,
        _ => Quarter::Diverse(dice.below(5)),
    }
}

/// A general practice's code; two or three serve a sector. Codes with Z are no practice's.
pub(super) fn practice(postcode: u64, dice: &mut Dice) -> String {
    let sector = postcode / POSTCODES_A_SECTOR;
    format!("Z{:05}", (sector * 2 + dice.below(3)) % 100_000)
}

/// The letters at the end of postcodes.
const LETTERS: &[u8; 20] = b"ABDEFGHJLNPQRSTUWXYZ";

fn letter(n: u64) -> char {
    usize::try_from(n % 20).ok().and_then(|n| LETTERS.get(n)).copied().map_or('A', char::from)
}

/// A district by its running number: its area, town, and number within the area.
fn district(number: u64) -> (&'static str, &'static str, u64) {
    let all: u64 = AREAS.iter().map(|area| area.2).sum();
    let mut left = number % all;
    for (area, town, districts) in AREAS {
        if left < districts {
            // A second round through the areas, past about 18 million people, goes on counting.
            return (area, town, left + 1 + number / all * 50);
        }
        left -= districts;
    }
    ("LS", "Leeds", 1)
}

fn postcode_text(postcode: u64) -> String {
    let sector = postcode / POSTCODES_A_SECTOR;
    let (area, _, number) = district(sector / SECTORS_A_DISTRICT);
    let digit = 1 + sector % SECTORS_A_DISTRICT;
    // 137 shares no factor with 400, so that neighbours in number are scattered over the letters, one to one.
    let unit = (postcode % POSTCODES_A_SECTOR) * 137 % 400;
    format!("{area}{number} {digit}{}{}", letter(unit / 20), letter(unit))
}

/// A home in a postcode. The same numbers give the same home, so that people move into others' homes.
pub(super) fn home(seed: u64, postcode: u64, slot: u64) -> Address {
    let mut dice = Dice::new(seed, &[20, postcode]);
    let street = format!("{} {}", dice.pick_early(STREETS), dice.pick_early(KINDS));
    let sector = postcode / POSTCODES_A_SECTOR;
    let (_, town, _) = district(sector / SECTORS_A_DISTRICT);
    let suburb = dice.chance(0.35);
    let start = 1 + dice.below(80);
    let step = if dice.chance(0.6) { 2 } else { 1 };
    let kind = dice.unit();
    let mut own = Dice::new(seed, &[22, postcode, slot]);
    let mut address = Address { street, postcode: postcode_text(postcode), ..Address::default() };
    if kind < 0.13 {
        // One block of flats, or two houses made into flats.
        let word = *dice.pick(&["Flat", "Flat", "Flat", "Apartment"]);
        address.unit = format!("{word} {}", slot + 1);
        address.number = start.to_string();
        if dice.chance(0.5) {
            address.building = format!("{} {}", dice.pick(STREETS), dice.pick(&["House", "Court", "Heights", "Lodge"]));
            if dice.chance(0.5) {
                address.number.clear();
            }
        }
    } else if kind < 0.20 && quarter(seed, postcode) == Quarter::Shire {
        address.building =
            format!("{} {}", own.pick(STREETS), own.pick(&["Cottage", "House", "Farm", "Barn", "Lodge"]));
    } else {
        address.number = (start + slot * step).to_string();
        if own.chance(0.04) {
            address.number.push(*own.pick(&['A', 'B', 'C']));
        } else if own.chance(0.05) {
            address.unit = format!("Flat {}", 1 + own.below(4));
        }
    }
    address.town = if suburb {
        let mut local = Dice::new(seed, &[23, sector]);
        format!("{}, {town}", local.pick(SUBURBS))
    } else {
        town.to_owned()
    };
    address
}

/// An institution in a postcode; everyone who lives there has this address.
pub(super) fn institution(seed: u64, postcode: u64, name: String) -> Address {
    let home = home(seed, postcode, 0);
    Address { unit: String::new(), building: name, number: String::new(), ..home }
}

impl Address {
    /// As an index writes it, most careful of all.
    pub(super) fn plain(&self) -> String {
        self.written(0)
    }

    /// In one of six ways: `Flat 2, 14 High Street, Leeds`, `14 High Street Flat 2 Leeds`, `2/14 High St`, ….
    pub(super) fn written(&self, way: u64) -> String {
        let short = matches!(way, 2 | 3 | 5);
        let street = if short { abbreviated(&self.street) } else { self.street.clone() };
        let line = join(&[&self.number, &street], " ");
        let unit_number = self.unit.rsplit(' ').next().unwrap_or("");
        match way {
            1 if !self.unit.is_empty() => join(&[&line, &self.unit, &self.building, &self.town], " "),
            2 if !self.unit.is_empty() && !self.number.is_empty() => {
                join(&[&self.building, &format!("{unit_number}/{line}"), &self.town], ", ")
            }
            3 => join(&[&self.unit, &self.building, &line], " "),
            4 => join(&[&self.unit, &self.building, &line], ", "),
            5 => join(&[&self.unit, &self.building, &line, &self.town], ", "),
            _ => join(&[&self.unit, &self.building, &line, &self.town], ", "),
        }
    }
}

/// The parts that hold something.
fn join(parts: &[&str], between: &str) -> String {
    let mut out = String::with_capacity(64);
    for part in parts.iter().filter(|part| !part.is_empty()) {
        if !out.is_empty() {
            out.push_str(between);
        }
        out.push_str(part);
    }
    out
}

fn abbreviated(street: &str) -> String {
    const SHORT: [(&str, &str); 10] = [
        (" Street", " St"),
        (" Road", " Rd"),
        (" Avenue", " Ave"),
        (" Close", " Cl"),
        (" Lane", " Ln"),
        (" Drive", " Dr"),
        (" Court", " Ct"),
        (" Crescent", " Cres"),
        (" Gardens", " Gdns"),
        (" Terrace", " Terr"),
    ];
    for (long, short) in SHORT {
        if let Some(stem) = street.strip_suffix(long) {
            return format!("{stem}{short}");
        }
    }
    street.to_owned()
}

/// A landline: 0110 to 0112 and 0119 are no area's code.
pub(super) fn landline(dice: &mut Dice) -> String {
    let code = *dice.pick(&["0110", "0111", "0112", "0119"]);
    format!("{code}{:07}", 2_000_000 + dice.below(7_900_000))
}

/// A mobile: 076 was for pagers, so that no number here rings in anyone's pocket.
pub(super) fn mobile(dice: &mut Dice) -> String {
    format!("076{:08}", dice.below(100_000_000))
}

/// An address of electronic mail, of one of the usual shapes.
pub(super) fn email(given: &str, family: &str, year: i16, dice: &mut Dice) -> String {
    let plain = |name: &str| -> String {
        name.chars()
            .filter_map(super::faults::plain_letter)
            .filter(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_lowercase()
    };
    let (given, family) = (plain(given), plain(family));
    let initial = given.get(..1).unwrap_or("x");
    let host = *dice.pick_early(&[
        "gmail",
        "gmail",
        "gmail",
        "hotmail",
        "outlook",
        "yahoo",
        "icloud",
        "btinternet",
        "sky",
        "live",
    ]);
    let year = year.rem_euclid(100);
    match dice.below(7) {
        0 => format!("{given}.{family}@{host}.example"),
        1 => format!("{given}{family}{year:02}@{host}.example"),
        2 => format!("{initial}{family}{}@{host}.example", dice.below(1000)),
        3 => format!("{given}.{family}{}@{host}.example", dice.below(100)),
        4 => format!("{family}.{given}@{host}.example"),
        5 => format!(
            "{given}_{}{year:02}@{host}.example",
            dice.pick(&["xx", "uk", "mufc", "lufc", "sparkle", "girl", "lad", "the1"])
        ),
        _ => format!("{given}{}@{host}.example", dice.below(100_000)),
    }
}

const STREETS: &[&str] = &[
    "High",
    "Church",
    "Station",
    "Park",
    "Victoria",
    "Green",
    "Manor",
    "Kings",
    "Queens",
    "Mill",
    "Albert",
    "School",
    "New",
    "Grange",
    "Springfield",
    "North",
    "South",
    "West",
    "East",
    "Chapel",
    "Alexandra",
    "Windsor",
    "Broad",
    "York",
    "Stanley",
    "Grove",
    "Meadow",
    "Highfield",
    "London",
    "Elm",
    "Oak",
    "Beech",
    "Cedar",
    "Ash",
    "Hawthorn",
    "Willow",
    "Birch",
    "Poplar",
    "Sycamore",
    "Lime",
    "Chestnut",
    "Orchard",
    "Vicarage",
    "Rectory",
    "Abbey",
    "Priory",
    "Castle",
    "Bridge",
    "River",
    "Brook",
    "St John's",
    "St Mary's",
    "St Peter's",
    "Wharf",
    "Canal",
    "Quarry",
    "Foundry",
    "Harbour",
    "Cliff",
    "Marine",
    "Cornmarket",
    "Guildhall",
    "Tollgate",
    "Smithy",
    "Potter",
    "Weaver",
    "Lark",
    "Heron",
    "Kestrel",
    "Swallow",
    "Plover",
    "Nelson",
    "Wellington",
    "Trafalgar",
    "Waterloo",
    "Jubilee",
    "Coronation",
    "Empire",
    "Hardy",
    "Austen",
    "Tennyson",
    "Wordsworth",
    "Milton",
    "Shelley",
    "Byron",
    "Attlee",
    "Bevan",
    "Churchill",
    "Gladstone",
    "Cromwell",
    "Salisbury",
    "Clarence",
    "Cambridge",
    "Norfolk",
    "Bedford",
    "Devonshire",
    "Sandringham",
    "Balmoral",
    "Ravensworth",
    "Harcourt",
    "Belvedere",
    "Mount Pleasant",
    "Bracken",
    "Heather",
    "Gorse",
    "Fern",
    "Bluebell",
    "Primrose",
    "Thistle",
    "Foxglove",
    "Clover",
    "Holly",
    "Rowan",
    "Laburnum",
    "Ashfield",
    "Moorland",
    "Hillside",
    "Woodlands",
    "Fairfield",
    "Parkside",
    "Thornhill",
    "Westfield",
    "Eastgate",
    "Kirkgate",
];

const KINDS: &[&str] = &[
    "Road", "Road", "Street", "Street", "Avenue", "Close", "Lane", "Drive", "Way", "Court", "Crescent", "Gardens",
    "Terrace", "Grove", "Place", "Rise", "Walk", "Mews", "View", "Mount",
];

const SUBURBS: &[&str] = &[
    "Ashby",
    "Bramhope",
    "Crossgates",
    "Denholme",
    "Elland",
    "Farsley",
    "Guiseley",
    "Headley",
    "Idle",
    "Kirkstall",
    "Longwood",
    "Meltham",
    "Netherton",
    "Oakworth",
    "Pudsey",
    "Queensbury",
    "Rothwell",
    "Shipley",
    "Tong",
    "Upperthorpe",
    "Wibsey",
    "Yeadon",
    "Armley",
    "Beeston",
    "Clayton",
    "Darnall",
    "Ecclesall",
    "Fulwood",
    "Gleadless",
    "Hunslet",
];
