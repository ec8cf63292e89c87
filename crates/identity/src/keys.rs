//! Blocking keys: who is worth comparing. Each key joins two or more facts, so that a block stays small among millions
//! however common the name or the day; a person is found when any key agrees, so any one fact may be wrong or missing.

use crate::{
    compare::at,
    packed::{Address, NHS_STEM, PHONE_DIGITS, Record, pack_birth, unpack_birth},
    terms::{Lexicon, NONE, Term, Terms, mix},
};

/// A name that so many patients have is rare.
const RARE_MOST: u32 = 50;
/// A row is filed under its names while so many have them: a name that was rarer when another row came, or is rarer again
/// by now, finds the same rows.
const RARE_FILED_MOST: u32 = 100;
/// A shorter name is no rare one.
const RARE_LEAST: usize = 3;

/// What a key is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The patient's own key: finds its row.
    Patient = 1,
    /// NHS number.
    Nhs,
    /// Date of birth and forename.
    BirthForename,
    /// Date of birth and family name.
    BirthFamily,
    /// Both names and the year and month of birth.
    NamesYearMonth,
    /// Both names and the year and day.
    NamesYearDay,
    /// Both names and the month and day.
    NamesMonthDay,
    /// Postcode and forename.
    PostcodeForename,
    /// Postcode and year of birth.
    PostcodeYear,
    /// Telephone number.
    Phone,
    /// Email address.
    Email,
    /// Identifier.
    Identifier,
    /// Both names and the postcode's district.
    NamesDistrict,
    /// Both names alone: read only where they are rare.
    Names,
    /// Street and forename: read only where few have both.
    StreetForename,
    /// Family name and postcode.
    FamilyPostcode,
    /// Postcode and house: a household.
    PostcodeHouse,
    /// House and street: read only where few have both.
    House,
    /// Date of birth and village or town: read only where few have both.
    BirthPlace,
    /// Date of birth and street.
    BirthStreet,
    /// Street and village or town: read only where few have both.
    StreetPlace,
    /// Date of birth and house number.
    BirthHouse,
    /// Family name, initial, year and month of birth.
    FamilyYearMonth,
    /// A name that hardly anybody has, given or family.
    RareName,
    /// Date of birth and practice: read only where few have both.
    BirthPractice,
}

impl Rule {
    /// A block with more patients than this is passed over: so many share the value that sharing it shows nothing.
    pub fn most(self) -> usize {
        match self {
            Rule::Names => 40,
            Rule::StreetForename | Rule::StreetPlace => 60,
            Rule::Phone | Rule::Email | Rule::Identifier | Rule::Nhs => 200,
            Rule::FamilyPostcode | Rule::PostcodeHouse | Rule::House => 100,
            // So many share a birthday among some 1.6 million: a conurbation then, or whoever has no practice of their own.
            Rule::BirthPlace | Rule::BirthPractice => 50,
            // Of usual names in a large region: whoever shares no more than this is one of too many to choose from.
            Rule::NamesDistrict | Rule::NamesMonthDay | Rule::FamilyYearMonth => 60,
            // Seldom so many but where a day of birth was not known, or a name is a community's.
            Rule::BirthForename
            | Rule::BirthFamily
            | Rule::NamesYearMonth
            | Rule::NamesYearDay
            | Rule::PostcodeForename
            | Rule::PostcodeYear
            | Rule::BirthStreet
            | Rule::BirthHouse => 100,
            Rule::Patient | Rule::RareName => usize::MAX,
        }
    }

    /// The comparison whose value the key is, where it is one value: the block's size is that value's frequency.
    pub fn counts(self) -> Option<usize> {
        match self {
            Rule::Phone => Some(at::PHONE),
            Rule::Email => Some(at::EMAIL),
            Rule::Identifier => Some(at::IDENTIFIER),
            _ => None,
        }
    }
}

/// The hash of a key.
pub fn key(rule: Rule, a: u32, b: u32, c: u32) -> u64 {
    let hash = mix((u64::from(a) << 32 | u64::from(b)).wrapping_add(0x9e37_79b9_7f4a_7c15));
    mix(hash ^ u64::from(c).wrapping_mul(0xff51_afd7_ed55_8ccd) ^ (rule as u64) << 57)
}

/// The key under which a patient's own row is found.
pub fn patient_key(patient: u64) -> u64 {
    key(Rule::Patient, crate::terms::low(patient >> 32), crate::terms::low(patient), 0)
}

/// Keys of names by their parts: a name of several parts is found by each.
fn family_keys(term: &Term, mut with: impl FnMut(u32)) {
    if !term.text.contains('-') {
        with(term.key);
        return;
    }
    let mut seen = [0_u32; 3];
    for (slot, part) in seen.iter_mut().zip(term.text.split('-').filter(|part| part.len() >= 3)) {
        *slot = Term::new(crate::terms::Kind::Family, part).key;
        with(*slot);
    }
    if seen.iter().all(|key| *key == 0) {
        with(term.key);
    }
}

type Forenames = [u32; 3];
type Families = [u32; 4];

/// The keys of the first few forenames, each once; 0 where there are fewer.
fn forenames_of(record: &Record<'_>, lexicon: Lexicon<'_>) -> Forenames {
    let mut found = Forenames::default();
    for term in record.givens.iter().filter_map(|id| lexicon.get(*id)) {
        put_new(&mut found, term.key);
    }
    found
}

/// The keys of the first few family names and their parts.
fn families_of(record: &Record<'_>, lexicon: Lexicon<'_>) -> Families {
    let mut found = Families::default();
    for term in record.families.iter().filter_map(|id| lexicon.get(*id)) {
        family_keys(term, |part| put_new(&mut found, part));
    }
    found
}

/// The districts of the first few postcodes, 0 where there is none.
fn districts_of(record: &Record<'_>, lexicon: Lexicon<'_>) -> [u32; 4] {
    let mut districts: [u32; 4] = [0; 4];
    for (slot, address) in districts.iter_mut().zip(record.addresses()) {
        *slot = lexicon.get(address.postcode).map_or(0, |term| {
            let outward = crate::compare::outward(&term.text).unwrap_or(&term.text);
            crate::terms::low(crate::terms::hash_text(3, outward)) | 1
        });
    }
    districts
}

/// Eight bits of the first letter of the first given name.
fn initial_of(record: &Record<'_>, lexicon: Lexicon<'_>) -> Option<u32> {
    let first = lexicon.get(*record.givens.first()?)?.text.chars().next()?;
    Some(u32::from(first) & 0xff)
}

/// What stands for a rare name: the same as a given name and as a family name.
fn rare_key(name: &Term) -> u32 {
    crate::terms::low(crate::terms::hash_text(5, &name.text))
}

/// Into the first free slot, unless it is there already or there is no room.
fn put_new(slots: &mut [u32], key: u32) {
    for slot in slots {
        if *slot == key {
            return;
        }
        if *slot == 0 {
            *slot = key;
            return;
        }
    }
}

/// Whether a row has what a key of the index's is made of: the same as looking for it among [`filed_keys`], at a small part of
/// the work, but that a name counts however many have it.
pub fn is_filed(record: &Record<'_>, lexicon: Lexicon<'_>, rule: Rule, wanted: u64) -> bool {
    let named = |name: u32| name != 0;
    let is = |a: u32, b: u32| key(rule, a, b, 0) == wanted;
    let code = |address: &Address| lexicon.get(address.postcode).map(|code| code.key);
    let street = |address: &Address| lexicon.get(address.street).map(|street| street.key);
    let house = |address: &Address| Some(address.house & 0xffff);
    let birth = record.birth();
    let (year, month, day) = unpack_birth(birth);
    let of_names = |is: &dyn Fn(u32, u32) -> bool| {
        let (forenames, families) = (forenames_of(record, lexicon), families_of(record, lexicon));
        let mut forenames = forenames.iter().filter(|name| named(**name));
        forenames.any(|forename| families.iter().filter(|name| named(**name)).any(|family| is(*forename, *family)))
    };
    match rule {
        // That is asked of who a row is of, not of what is known of it.
        Rule::Patient => false,
        Rule::Nhs => record.nhs.iter().any(|word| is(word & NHS_STEM, 0)),
        Rule::Phone => record.phones.iter().any(|phone| is(phone & PHONE_DIGITS, 0)),
        Rule::Email => record.emails.iter().step_by(2).any(|email| is(*email, 0)),
        Rule::Identifier => record.identifiers.chunks_exact(2).any(|pair| match pair {
            [system, value] => lexicon.get(*system).is_some_and(|system| is(system.key, *value)),
            _ => false,
        }),
        Rule::BirthForename => {
            birth != 0 && forenames_of(record, lexicon).iter().any(|name| named(*name) && is(birth, *name))
        }
        Rule::BirthFamily => {
            birth != 0 && families_of(record, lexicon).iter().any(|name| named(*name) && is(birth, *name))
        }
        Rule::NamesYearMonth | Rule::NamesYearDay | Rule::NamesMonthDay => {
            let part = match rule {
                Rule::NamesYearMonth => year << 4 | month,
                Rule::NamesYearDay => year << 5 | day,
                _ => month << 5 | day,
            };
            birth != 0 && of_names(&|forename, family| key(rule, forename, family, part) == wanted)
        }
        Rule::Names => of_names(&is),
        Rule::NamesDistrict => {
            let districts = districts_of(record, lexicon);
            let districts = || districts.iter().filter(|district| **district != 0);
            of_names(&|forename, family| districts().any(|part| key(rule, forename, family, *part) == wanted))
        }
        Rule::FamilyYearMonth => {
            birth != 0
                && initial_of(record, lexicon).is_some_and(|initial| {
                    let month = (year << 4 | month) << 8 | initial;
                    families_of(record, lexicon).iter().any(|name| named(*name) && is(*name, month))
                })
        }
        Rule::RareName => {
            let names = record.givens.iter().chain(record.families).filter_map(|id| lexicon.get(*id));
            names.filter(|name| name.text.len() >= RARE_LEAST).any(|name| is(rare_key(name), 0))
        }
        Rule::PostcodeForename => {
            let forenames = forenames_of(record, lexicon);
            let forenames = || forenames.iter().filter(|name| named(**name));
            record.addresses().filter_map(|own| code(&own)).any(|code| forenames().any(|name| is(code, *name)))
        }
        Rule::PostcodeYear => birth != 0 && record.addresses().filter_map(|own| code(&own)).any(|code| is(code, year)),
        Rule::BirthStreet => {
            birth != 0 && record.addresses().filter_map(|own| street(&own)).any(|street| is(birth, street))
        }
        Rule::BirthHouse => birth != 0 && record.addresses().any(|own| own.house != 0 && is(birth, own.house & 0xffff)),
        Rule::StreetForename => {
            let [forename, ..] = forenames_of(record, lexicon);
            named(forename) && record.addresses().filter_map(|own| street(&own)).any(|street| is(street, forename))
        }
        Rule::FamilyPostcode => {
            let [family, ..] = families_of(record, lexicon);
            named(family) && record.addresses().filter_map(|own| code(&own)).any(|code| is(code, family))
        }
        Rule::PostcodeHouse => record
            .addresses()
            .filter(|own| own.house != 0)
            .filter_map(|own| Some((code(&own)?, house(&own)?)))
            .any(|(code, house)| is(code, house)),
        Rule::House => record
            .addresses()
            .filter_map(|own| Some((house(&own).filter(|house| *house != 0)?, street(&own)?)))
            .any(|(house, street)| is(house, street)),
        Rule::StreetPlace => record.addresses().any(|own| {
            let places = [own.place, own.locality];
            let mut places = places.iter().filter_map(|id| lexicon.get(*id)).map(|place| place.key);
            street(&own).is_some_and(|street| places.any(|place| is(street, place)))
        }),
        Rule::BirthPlace => {
            birth != 0
                && record.addresses().any(|own| {
                    let places = [own.place, own.locality];
                    places.iter().filter_map(|id| lexicon.get(*id)).any(|place| is(birth, place.key))
                })
        }
        Rule::BirthPractice => {
            birth != 0 && record.practice.and_then(|id| lexicon.get(id)).is_some_and(|practice| is(birth, practice.key))
        }
    }
}

/// The names that rows are filed under as rare ones, as of one moment: counts go on changing while rows are filed.
#[derive(Debug)]
pub struct RareNames(Vec<u64>);

impl RareNames {
    /// As of now.
    pub fn of(terms: &Terms) -> RareNames {
        let count = terms.len();
        let mut bits = vec![0_u64; (count as usize).div_ceil(64)];
        for id in (0..count).filter(|id| terms.get(*id).is_some_and(|term| term.count() <= RARE_FILED_MOST)) {
            if let Some(bits) = bits.get_mut(id as usize / 64) {
                *bits |= 1 << (id % 64);
            }
        }
        RareNames(bits)
    }

    /// A name that nobody had then was rare.
    fn has(&self, id: u32) -> bool {
        self.0.get(id as usize / 64).is_none_or(|bits| bits >> (id % 64) & 1 == 1)
    }
}

/// Every key that a row is filed under.
pub fn filed_keys(record: &Record<'_>, lexicon: Lexicon<'_>, emit: impl FnMut(Rule, u64)) {
    keys_of(record, lexicon, |_, name| name.count() <= RARE_FILED_MOST, emit);
}

/// The same by the names that were rare at a moment: asked again they are the same, whatever is counted meanwhile.
pub fn filed_keys_as_of(rare: &RareNames, record: &Record<'_>, lexicon: Lexicon<'_>, emit: impl FnMut(Rule, u64)) {
    keys_of(record, lexicon, |id, _| rare.has(id), emit);
}

/// Every key of a question.
pub fn keys(record: &Record<'_>, lexicon: Lexicon<'_>, emit: impl FnMut(Rule, u64)) {
    keys_of(record, lexicon, |_, name| name.count() <= RARE_MOST, emit);
}

fn keys_of(
    record: &Record<'_>,
    lexicon: Lexicon<'_>,
    seldom: impl Fn(u32, &Term) -> bool,
    mut emit: impl FnMut(Rule, u64),
) {
    for word in record.nhs {
        emit(Rule::Nhs, key(Rule::Nhs, word & NHS_STEM, 0, 0));
    }
    let birth = record.birth();
    let (year, month, day) = unpack_birth(birth);
    let (forenames, families) = (forenames_of(record, lexicon), families_of(record, lexicon));
    // Rare as a given name and as a family name: somebody else may have it in the other place.
    let rare = |id: u32, name: &Term, other: crate::terms::Kind| {
        let other = || lexicon.terms.find(other, &name.text).and_then(|id| Some((id, lexicon.get(id)?)));
        name.text.len() >= RARE_LEAST && seldom(id, name) && other().is_none_or(|(id, term)| seldom(id, term))
    };
    let given = record.givens.iter().map(|id| (*id, crate::terms::Kind::Family));
    let family = record.families.iter().map(|id| (*id, crate::terms::Kind::Given));
    for (id, other) in given.chain(family) {
        if let Some(name) = lexicon.get(id)
            && rare(id, name, other)
        {
            emit(Rule::RareName, key(Rule::RareName, rare_key(name), 0, 0));
        }
    }
    let forenames = || forenames.iter().copied().filter(|key| *key != 0);
    let families = || families.iter().copied().filter(|key| *key != 0);
    if birth != 0 {
        for forename in forenames() {
            emit(Rule::BirthForename, key(Rule::BirthForename, birth, forename, 0));
        }
        for family in families() {
            emit(Rule::BirthFamily, key(Rule::BirthFamily, birth, family, 0));
        }
    }
    if birth != 0
        && let Some(initial) = initial_of(record, lexicon)
    {
        for family in families() {
            let month = (year << 4 | month) << 8 | initial;
            emit(Rule::FamilyYearMonth, key(Rule::FamilyYearMonth, family, month, 0));
        }
    }
    let districts = districts_of(record, lexicon);
    for forename in forenames() {
        for family in families() {
            if birth != 0 {
                emit(Rule::NamesYearMonth, key(Rule::NamesYearMonth, forename, family, year << 4 | month));
                emit(Rule::NamesYearDay, key(Rule::NamesYearDay, forename, family, year << 5 | day));
                emit(Rule::NamesMonthDay, key(Rule::NamesMonthDay, forename, family, month << 5 | day));
            }
            emit(Rule::Names, key(Rule::Names, forename, family, 0));
            for district in districts.iter().filter(|district| **district != 0) {
                emit(Rule::NamesDistrict, key(Rule::NamesDistrict, forename, family, *district));
            }
        }
    }
    for address in record.addresses() {
        if let Some(code) = lexicon.get(address.postcode) {
            for forename in forenames() {
                emit(Rule::PostcodeForename, key(Rule::PostcodeForename, code.key, forename, 0));
            }
            if let Some(family) = families().next() {
                emit(Rule::FamilyPostcode, key(Rule::FamilyPostcode, code.key, family, 0));
            }
            if address.house != 0 {
                emit(Rule::PostcodeHouse, key(Rule::PostcodeHouse, code.key, address.house & 0xffff, 0));
            }
            if birth != 0 {
                emit(Rule::PostcodeYear, key(Rule::PostcodeYear, code.key, year, 0));
            }
        }
        let places = [address.place, address.locality];
        let places = || places.iter().filter_map(|id| lexicon.get(*id)).map(|place| place.key);
        if birth != 0 && address.house != 0 {
            emit(Rule::BirthHouse, key(Rule::BirthHouse, birth, address.house & 0xffff, 0));
        }
        if birth != 0 {
            for place in places() {
                emit(Rule::BirthPlace, key(Rule::BirthPlace, birth, place, 0));
            }
        }
        if address.street != NONE
            && let Some(street) = lexicon.get(address.street)
        {
            let house = address.house & 0xffff;
            if house != 0 {
                emit(Rule::House, key(Rule::House, house, street.key, 0));
            }
            if let Some(forename) = forenames().next() {
                emit(Rule::StreetForename, key(Rule::StreetForename, street.key, forename, 0));
            }
            if birth != 0 {
                emit(Rule::BirthStreet, key(Rule::BirthStreet, birth, street.key, 0));
            }
            for place in places() {
                emit(Rule::StreetPlace, key(Rule::StreetPlace, street.key, place, 0));
            }
        }
    }
    if birth != 0
        && let Some(practice) = record.practice.and_then(|id| lexicon.get(id))
    {
        emit(Rule::BirthPractice, key(Rule::BirthPractice, birth, practice.key, 0));
    }
    for phone in record.phones {
        emit(Rule::Phone, key(Rule::Phone, phone & PHONE_DIGITS, 0, 0));
    }
    for email in record.emails.chunks_exact(2).filter_map(|pair| pair.first()) {
        emit(Rule::Email, key(Rule::Email, *email, 0, 0));
    }
    for pair in record.identifiers.chunks_exact(2) {
        if let [system, value] = pair
            && let Some(system) = lexicon.get(*system)
        {
            emit(Rule::Identifier, key(Rule::Identifier, system.key, *value, 0));
        }
    }
}

/// Further keys of a question: the day and month swapped, given and family name swapped.
pub fn further(record: &Record<'_>, lexicon: Lexicon<'_>, mut emit: impl FnMut(Rule, u64)) {
    let birth = record.birth();
    let (year, month, day) = unpack_birth(birth);
    if birth != 0 && day <= 12 && day != month {
        let signed = |n: u32| i8::try_from(n).unwrap_or(0);
        let swapped = pack_birth(i16::try_from(year).unwrap_or(0), signed(day), signed(month));
        for term in record.givens.iter().filter_map(|id| lexicon.get(*id)) {
            emit(Rule::BirthForename, key(Rule::BirthForename, swapped, term.key, 0));
        }
        for term in record.families.iter().filter_map(|id| lexicon.get(*id)) {
            family_keys(term, |part| emit(Rule::BirthFamily, key(Rule::BirthFamily, swapped, part, 0)));
        }
    }
    for family in record.families.iter().filter_map(|id| lexicon.get(*id)) {
        let as_given = Term::new(crate::terms::Kind::Given, &family.text).key;
        if birth != 0 {
            emit(Rule::BirthForename, key(Rule::BirthForename, birth, as_given, 0));
        }
        for address in record.addresses() {
            if let Some(code) = lexicon.get(address.postcode) {
                emit(Rule::PostcodeForename, key(Rule::PostcodeForename, code.key, as_given, 0));
            }
        }
        for given in record.givens.iter().filter_map(|id| lexicon.get(*id)) {
            let as_family = Term::new(crate::terms::Kind::Family, &given.text).key;
            emit(Rule::Names, key(Rule::Names, as_given, as_family, 0));
            if birth != 0 {
                emit(Rule::NamesMonthDay, key(Rule::NamesMonthDay, as_given, as_family, month << 5 | day));
                emit(Rule::BirthFamily, key(Rule::BirthFamily, birth, as_family, 0));
            }
        }
    }
    for middle in record.middles.iter().filter_map(|id| lexicon.get(*id)) {
        if birth != 0 {
            emit(Rule::BirthForename, key(Rule::BirthForename, birth, middle.key, 0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        facts::{AddressFacts, IdentifierFacts, PatientFacts},
        packed::pack,
    };

    fn address(line: &str, place: &str, postcode: Option<&str>) -> AddressFacts {
        AddressFacts {
            lines: vec![line.into()],
            places: vec!["Shaw".into(), place.into()],
            region: None,
            postcode: postcode.map(str::to_owned),
        }
    }

    #[test]
    fn a_key_is_looked_for_by_its_rule_alone_with_the_same_answer() {
        let whole = PatientFacts {
            nhs_number: Some(9_990_000_018),
            nhs_numbers_old: vec![9_990_000_026],
            families: vec!["Smith-Jones".into(), "O'Brien".into()],
            givens: vec!["Robert".into(), "Bob".into(), "Ngozi".into()],
            birth: "1965-04-12".parse().ok(),
            addresses: vec![
                address("12a High Street", "Oldham", Some("OL9 6AA")),
                address("Rose Cottage", "Leeds", None),
                address("7 Mill Lane", "", Some("LS1 4AP")),
            ],
            phones: vec!["0161 496 0000".into(), "07700 900123".into()],
            emails: vec!["someone@mail.example".into(), "bob7@mail.example".into()],
            identifiers: vec![
                IdentifierFacts { system: "here".into(), value: "4711".into() },
                IdentifierFacts { system: "there".into(), value: "X-9".into() },
            ],
            practice: Some("P83001".into()),
            ..PatientFacts::default()
        };
        let bare = PatientFacts { givens: vec!["Ann".into()], ..PatientFacts::default() };
        let other = PatientFacts {
            families: vec!["Patel".into()],
            addresses: vec![address("12a High Street", "Oldham", Some("OL9 6AA"))],
            ..whole.clone()
        };
        let terms = Terms::new(10);
        let lexicon = Lexicon { terms: &terms, local: &[] };
        let rows = [whole, bare, other].map(|facts| {
            let mut words = Vec::new();
            pack(&facts, &[], &mut |kind, text| terms.add(kind, text), &mut words);
            words
        });
        let filed = rows.each_ref().map(|words| {
            let mut filed = Vec::new();
            filed_keys(&Record::read(words), lexicon, |rule, key| filed.push((rule, key)));
            filed
        });
        let single = [Rule::BirthPractice];
        let several = [
            Rule::Nhs,
            Rule::BirthForename,
            Rule::BirthFamily,
            Rule::NamesYearMonth,
            Rule::NamesYearDay,
            Rule::NamesMonthDay,
            Rule::PostcodeForename,
            Rule::PostcodeYear,
            Rule::Phone,
            Rule::Email,
            Rule::Identifier,
            Rule::NamesDistrict,
            Rule::Names,
            Rule::StreetForename,
            Rule::FamilyPostcode,
            Rule::PostcodeHouse,
            Rule::House,
            Rule::BirthPlace,
            Rule::BirthStreet,
            Rule::StreetPlace,
            Rule::BirthHouse,
            Rule::FamilyYearMonth,
            Rule::RareName,
        ];
        for (rules, least) in [(&single[..], 1), (&several[..], 2)] {
            for rule in rules {
                assert!(filed[0].iter().filter(|(own, _)| own == rule).count() >= least, "{rule:?} {least} times");
            }
        }
        let known = single.iter().chain(&several);
        assert!(filed.iter().flatten().all(|(rule, _)| known.clone().any(|known| known == rule)), "every rule is here");
        for (words, own) in rows.iter().zip(&filed) {
            for (rule, key) in filed.iter().flatten() {
                let found = is_filed(&Record::read(words), lexicon, *rule, *key);
                assert_eq!(found, own.contains(&(*rule, *key)), "{rule:?}");
            }
        }
    }
}
