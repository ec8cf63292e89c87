//! The county of Wexmoor: invented towns, streets and postcodes. WX is no postcode area of Royal Mail's.

use crate::dice::Dice;
use std::sync::LazyLock;

/// A town or village.
#[derive(Debug)]
pub(crate) struct Place {
    /// Its name.
    pub name: &'static str,
    /// Its postcode district.
    pub district: &'static str,
    /// Share of the county's people.
    pub share: f64,
    /// 0 (least deprived) to 1 (most deprived): shifts illness, as the index of multiple deprivation does.
    pub deprivation: f64,
    /// The two practices most people here use, as indexes of [`crate::sources::PRACTICES`].
    pub practices: [u8; 2],
    /// The acute hospital that is nearer: 0 Aldermere, 1 Thornhaven.
    pub hospital: u8,
}

pub(crate) const COUNTY: &str = "Wexmoor";

/// The places of the county.
const PLACES: &[Place] = &[
    Place { name: "Aldermere", district: "WX1", share: 0.20, deprivation: 0.75, practices: [0, 1], hospital: 0 },
    Place { name: "Aldermere", district: "WX2", share: 0.15, deprivation: 0.45, practices: [1, 2], hospital: 0 },
    Place { name: "Kingsmarsh", district: "WX3", share: 0.11, deprivation: 0.60, practices: [2, 3], hospital: 0 },
    Place { name: "Hollin Cross", district: "WX4", share: 0.06, deprivation: 0.20, practices: [3, 3], hospital: 0 },
    Place { name: "Nether Wickford", district: "WX5", share: 0.03, deprivation: 0.15, practices: [3, 2], hospital: 0 },
    Place { name: "Thornhaven", district: "WX11", share: 0.16, deprivation: 0.85, practices: [4, 5], hospital: 1 },
    Place { name: "Thornhaven", district: "WX12", share: 0.11, deprivation: 0.50, practices: [5, 6], hospital: 1 },
    Place { name: "Brackenford", district: "WX13", share: 0.08, deprivation: 0.35, practices: [6, 7], hospital: 1 },
    Place { name: "St Osyn's Bay", district: "WX14", share: 0.06, deprivation: 0.55, practices: [7, 7], hospital: 1 },
    Place { name: "Long Hathersby", district: "WX15", share: 0.04, deprivation: 0.10, practices: [7, 6], hospital: 1 },
];

/// An address without the people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// A building's name, for care homes and a few farms.
    pub building: Option<String>,
    pub street: String,
    pub town: &'static str,
    pub postcode: String,
    /// Its number, see [`place_at`].
    pub place: u8,
    pub care_home: bool,
}

impl Address {
    /// All lines but the postcode.
    pub(crate) fn lines(&self) -> Vec<&str> {
        let mut lines = Vec::with_capacity(4);
        lines.extend(self.building.as_deref());
        lines.push(&self.street);
        lines
    }
}

/// Postcode areas, none of them Royal Mail's: the county's, and those of more of its kind, for regions of millions. Streets and
/// houses are as many in each, so that no more households share an address than in life.
const AREAS: &[&str] = &[
    "WX", "JA", "JB", "JC", "JD", "JF", "JG", "JH", "JK", "JL", "JM", "JN", "JP", "JR", "JS", "JT", "JU", "JW", "JY",
    "ZA", "ZB", "ZD", "ZF", "ZG",
];
/// What tells the towns of those from the county's.
const BESIDE: &[&str] = &[
    "",
    " Magna",
    " Parva",
    " St Mary",
    " Abbas",
    " Regis",
    " Monachorum",
    " Underwood",
    " on the Hill",
    " by the Sea",
    " Green",
    " St Peter",
    " Episcopi",
    " Ducis",
    " Superior",
    " Inferior",
    " le Marsh",
    " le Moor",
    " St Giles",
    " in the Vale",
    " under Edge",
    " St Anne",
    " Percy",
    " Mallory",
];
/// People of one area, about.
const PEOPLE_OF_AREA: u64 = 600_000;

/// Every place, area by area.
static ALL: LazyLock<Vec<Place>> = LazyLock::new(|| {
    let each = AREAS.iter().zip(BESIDE).flat_map(|(area, beside)| {
        PLACES.iter().map(move |like| {
            let district = like.district.trim_start_matches(char::is_alphabetic);
            // As many as there are places: made once.
            Place {
                name: String::leak(format!("{}{beside}", like.name)),
                district: String::leak(format!("{area}{district}")),
                ..*like
            }
        })
    });
    each.collect()
});

/// Which place a household lives in, weighted by size. `neighbour`: the number of anybody there, for people who live near one
/// another have numbers near one another.
pub(crate) fn place(neighbour: u64, dice: &mut Dice) -> u8 {
    let like = dice.weighted(PLACES.iter().map(|place| place.share)) as u64;
    let area = neighbour / PEOPLE_OF_AREA % (AREAS.len() as u64);
    u8::try_from(area * PLACES.len() as u64 + like).unwrap_or(0)
}

/// The place with this number.
pub(crate) fn place_at(number: u8) -> &'static Place {
    static ANY: Place =
        Place { name: "Aldermere", district: "WX1", share: 0.0, deprivation: 0.5, practices: [0, 0], hospital: 0 };
    ALL.get(usize::from(number)).unwrap_or(&ANY)
}

/// A house in this place.
pub(crate) fn house(place: u8, dice: &mut Dice) -> Address {
    let here = place_at(place);
    let stem = dice.below(STREETS.len() as u64);
    let kind = *dice.pick_early(KINDS);
    let number = 1 + dice.below(140);
    let street = STREETS.get(usize::try_from(stem).unwrap_or(0)).copied().unwrap_or("Church");
    let name = format!("{street} {kind}");
    let (building, street) = if dice.chance(0.09) {
        (Some(format!("Flat {}", 1 + dice.below(24))), format!("{number} {name}"))
    } else if here.share < 0.05 && dice.chance(0.25) {
        (Some(format!("{} {}", dice.pick(FARMS), dice.pick(&["Farm", "Cottage", "House", "Barn"]))), name)
    } else {
        (None, format!("{number} {name}"))
    };
    let postcode = postcode(here, stem, kind.len() as u64, number);
    Address { building, street, town: here.name, postcode, place, care_home: false }
}

/// A room in one of the place's care homes.
pub(crate) fn care_home(place: u8, dice: &mut Dice) -> Address {
    let here = place_at(place);
    let which = dice.below(CARE_HOMES.len() as u64);
    let name = CARE_HOMES.get(usize::try_from(which).unwrap_or(0)).copied().unwrap_or("The Limes");
    let street = STREETS
        .get(usize::try_from(which * 7 + u64::from(place)).unwrap_or(0) % STREETS.len())
        .copied()
        .unwrap_or("Church");
    Address {
        building: Some(format!("{name} Care Home")),
        street: format!("{street} Road"),
        town: here.name,
        postcode: postcode(here, which, 99, 1),
        place,
        care_home: true,
    }
}

/// One street (or half of a long one) is one postcode, as in life.
fn postcode(place: &Place, stem: u64, kind: u64, number: u64) -> String {
    const LETTERS: &[u8] = b"ABDEFGHJLNPQRSTUWXYZ";
    let mut hash = Dice::new(
        0x5758,
        &[place.district.len() as u64, place.district.bytes().map(u64::from).sum(), stem, kind, number / 40],
    );
    let letter = |dice: &mut Dice| char::from(*dice.pick(LETTERS));
    format!("{} {}{}{}", place.district, 1 + hash.below(9), letter(&mut hash), letter(&mut hash))
}

const STREETS: &[&str] = &[
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
    "Ford",
    "Wharf",
    "Canal",
    "Quarry",
    "Foundry",
    "Tannery",
    "Ropewalk",
    "Harbour",
    "Cliff",
    "Marine",
    "Lighthouse",
    "Salthouse",
    "Fishergate",
    "Cornmarket",
    "Sheep",
    "Horsefair",
    "Guildhall",
    "Tollgate",
    "Turnpike",
    "Waggon",
    "Smithy",
    "Cobbler",
    "Potter",
    "Weaver",
    "Fuller",
    "Lark",
    "Heron",
    "Kestrel",
    "Swallow",
    "Plover",
    "Curlew",
    "Nelson",
    "Wellington",
    "Trafalgar",
    "Waterloo",
    "Jubilee",
    "Coronation",
    "Empire",
    "Hardy",
    "Austen",
    "Brontë",
    "Tennyson",
    "Wordsworth",
    "Milton",
    "Shelley",
    "Byron",
    "Attlee",
    "Bevan",
    "Churchill",
    "Hollin",
    "Alder",
    "Bracken",
    "Heather",
    "Gorse",
    "Fern",
    "Bluebell",
    "Primrose",
    "Thistle",
    "Foxglove",
    "Clover",
];

const KINDS: &[&str] = &[
    "Road", "Street", "Avenue", "Close", "Lane", "Drive", "Way", "Court", "Crescent", "Gardens", "Terrace", "Grove",
    "Place", "Rise", "Walk", "Mews",
];

const FARMS: &[&str] = &[
    "Lower Moor",
    "Hill Top",
    "Home",
    "Glebe",
    "Marsh End",
    "Stone Edge",
    "Long Acre",
    "High Field",
    "Low Wood",
    "Rookery",
];

const CARE_HOMES: &[&str] = &[
    "The Limes",
    "Beechcroft",
    "Moorland View",
    "St Osyn's",
    "Alder Court",
    "Rosemount",
    "The Old Vicarage",
    "Harbour House",
];
