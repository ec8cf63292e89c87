//! What is read on a page, told apart from what only machines read, and judged: words of staff's in it, and how long its
//! sentences are.

/// Words of staff's that a member of the public need not know (NHS digital service manual, A to Z of NHS health writing). A
/// word stands for its plural too.
pub const STAFF_WORDS: &[&str] = &[
    "abnormal",
    "active in",
    "adverse",
    "audit",
    "authorised",
    "bundle",
    "caseload",
    "clinical",
    "consultation",
    "contingency",
    "cumulative",
    "data steward",
    "demographics",
    "discharged",
    "dispensed",
    "encounter",
    "entered in error",
    "error desk",
    "feed",
    "fhir",
    "flagged",
    "formulation",
    "freshness",
    "as fresh as",
    "glass",
    "hl7",
    "identifier",
    "in force",
    "inactive",
    "intolerances",
    "journal",
    "last spoke",
    "linked",
    "merged",
    "mitigation",
    "morbidity",
    "not answering",
    "not connected",
    "observation",
    "onset",
    "outpatient",
    "patient",
    "payload",
    "practitioner",
    "preliminary",
    "problem list",
    "procedure",
    "prognosis",
    "prsb",
    "questionnaire",
    "reconciled",
    "reconciliation",
    "refuted",
    "remission",
    "restricted",
    "revoked",
    "source",
    "specimen",
    "statuses",
    "steward",
    "sealed",
    "superseded",
    "supersede",
    "supersedes",
    "the person",
    "this person",
    "their own words",
    "unconfirmed",
    "verification",
    "vital signs",
    "withheld",
];
/// Some that a sentence may hold in another sense, but not in this.
pub const ALSO: &[&str] = &["withdrawn", "withdraw", "none recorded", "your role", "not shared by"];

/// A piece of what is read: a paragraph, a title, a label, a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub text: String,
    /// Whether it is a sentence to be read through: of a paragraph or an entry of a list.
    pub prose: bool,
}

/// Elements that stand inside a line of text.
const INLINE: [&str; 14] =
    ["a", "b", "bdi", "em", "i", "s", "small", "span", "strong", "sub", "sup", "time", "mark", "abbr"];
/// Attributes that are read out.
const READ_OUT: [&str; 5] = ["aria-label", "title", "alt", "data-label", "data-text"];

/// What is read on a page. What is a source's alone by its element is left out: the text of messages and of letters.
pub fn pieces(html: &str) -> Vec<Piece> {
    let mut found: Vec<Piece> = Vec::new();
    let (mut text, mut prose) = (String::new(), false);
    let mut rest = html;
    let mut end = |text: &mut String, prose: bool| {
        let said = plain(text);
        if !said.is_empty() {
            found.push(Piece { text: said, prose });
        }
        text.clear();
    };
    while let Some(open) = rest.find('<') {
        let (before, after) = rest.split_at(open);
        text.push_str(before);
        let Some(close) = after.find('>') else { break };
        let tag = &after[1..close];
        rest = &after[close + 1..];
        let name: String = tag.trim_start_matches('/').chars().take_while(|c| c.is_alphanumeric()).collect();
        let theirs = ["pre", "script", "style"].contains(&name.as_str())
            || tag.contains("class=\"message\"")
            || tag.contains("class=\"letter-text\"");
        if theirs && !tag.starts_with('/') {
            let over = format!("</{name}>");
            rest = rest.find(&over).map_or("", |at| &rest[at + over.len()..]);
        }
        if !INLINE.contains(&name.as_str()) {
            end(&mut text, prose);
            prose = !tag.starts_with('/') && ["p", "li", "dd"].contains(&name.as_str());
        }
        for attribute in READ_OUT {
            if let Some((_, value)) = tag.split_once(&format!(" {attribute}=\"")) {
                let mut value = value.split('"').next().unwrap_or_default().to_owned();
                // It stands apart from the text around it.
                let kept = std::mem::take(&mut text);
                end(&mut value, false);
                text = kept;
            }
        }
    }
    text.push_str(rest);
    end(&mut text, prose);
    found
}

fn plain(text: &str) -> String {
    let text = text.replace("&#38;", "&").replace("&amp;", "&").replace("&#39;", "'").replace("&#34;", "\"");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Staff's words in a text.
pub fn staff_words(text: &str) -> Vec<&'static str> {
    let spaced: String = text.to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    let words = format!(" {} ", spaced.split_whitespace().collect::<Vec<_>>().join(" "));
    let stands = |word: &&&str| words.contains(&format!(" {word} ")) || words.contains(&format!(" {word}s "));
    STAFF_WORDS.iter().chain(ALSO).filter(stands).copied().collect()
}

/// How many words each sentence of a text has.
pub fn lengths(text: &str) -> Vec<usize> {
    let mut lengths = Vec::new();
    let mut words = 0;
    for word in text.split_whitespace() {
        words += usize::from(word.chars().any(char::is_alphanumeric));
        if word.ends_with(['.', '?', '!', ':']) {
            lengths.push(words);
            words = 0;
        }
    }
    lengths.push(words);
    lengths.retain(|words| *words > 0);
    lengths
}

#[test]
fn the_checker_finds_staffs_words_wherever_they_are_read_and_not_where_they_are_not() {
    let page = "<html><head><title>Problems, patient record</title></head><body><main><h1>Things</h1>\
        <p>None. The <b>Source</b>s differ.</p><section aria-label='x' aria-label=\"Encounters\">Text</section>\
        <pre>withheld patient</pre><ol class=\"message\"><li>PID|patient</li></ol><script>feed()</script>\
        <p class=\"patient\">Resource, impatient, feedback</p></body></html>";
    let found: Vec<&str> = pieces(page).iter().flat_map(|piece| staff_words(&piece.text)).collect();
    assert_eq!(found, ["patient", "source", "encounter"]);
    assert!(staff_words("The card was re-linked; NOT ANSWERING since noon").len() == 2);
    assert!(staff_words("Your GP practice has no medicines on your record").is_empty());
    let prose: Vec<Piece> = pieces(page).into_iter().filter(|piece| piece.prose).collect();
    assert_eq!(prose[0].text, "None. The Sources differ.");
    assert_eq!(lengths(&prose[0].text), [1, 3]);
    assert_eq!(lengths("One two three four five"), [5]);
}
