//! The long tail: names that few people bear, made from parts, so that a million people have realistically many
//! different names and still most bear a common one.

use crate::dice::Dice;

const PLACE_STARTS: &str = "\
Ash Hart Brad Thorn Whit Hor Har Col Hol Wal Nor Sut Al Wood Dal Hather Black Lang Eas Wes Crow Ark Bar Bick Birken Blen Bram \
Bright Brom Brough Buck Burn Cald Carl Charl Chat Chis Clap Clay Clif Cob Comp Cran Cross Darl Dods Dun Eccles Edging Ellis \
Fair Farn Fern Field Gars Good Grim Hales Hamp Hap Hazel Hebble High Hind Hop Hough Hux Ings Ket Kil King Kirk Knap Lam Lea \
Led Ling Lock Long Mad Mar Mel Mick Mid Mor Nay Net New Oak Old Orms Osbal Ox Pem Pick Pil Plump Pres Quin Rad Ravens Red Rish \
Rother Row Rud Rush Sax Sed Shackle Shel Ship Shuttle Sil Skel Snow South Stan Stap Stock Swin Tatter Thur Tid Tun Turn Twiss \
Under Up Wad Wake War Wat Wether Whar Wig Wil Win Wins Wor Wym Yar Yel";
const PLACE_ENDS: &str = "\
ton ley worth field ham ford wood well by den land bury thorpe shaw house bottom bridge croft brook ridge man hurst \
combe stone gate head ington wick burn cott more side dale thwaite borough grave bourne stead ingham leigh sley low wright mere";
const OTHER_FAMILIES: &str = "\
Abbott Ackroyd Addison Allsop Appleby Arkwright Askew Attwood Baggott Baines Bancroft Barraclough Batty Beardsley Beaumont \
Bellamy Benson Berry Best Beswick Birch Blackmore Blake Bland Bloor Blundell Boardman Boothroyd Bostock Bottomley Bowles \
Braithwaite Brearley Briggs Broadbent Brunt Bunting Butterworth Caldwell Capstick Catterall Chadwick Clegg Clough Cockcroft \
Copley Cowell Crabtree Craven Cropper Crossley Crowther Dearden Dewhurst Dobson Driscoll Drury Duckworth Dyson Earnshaw \
Eastwood Eckersley Emmett Entwistle Fairbrother Farrar Fawcett Fenton Firth Fothergill Gaskell Gledhill Goddard Greaves \
Greenwood Grimshaw Haigh Hainsworth Halliwell Hanson Hardcastle Hargreaves Hattersley Haworth Heap Hepworth Heywood Hindle \
Hirst Holroyd Horrocks Howarth Hoyle Ibbotson Illingworth Jagger Jowett Judson Kaye Kershaw Kilburn Kitchen Lees Leigh Lomas \
Lumb Makin Mallinson Marsden Mather Mellor Metcalfe Midgley Murgatroyd Naylor Nuttall Oddy Ogden Openshaw Ormerod Oldroyd \
Peel Pickles Pilling Platt Priestley Quarmby Ramsbottom Ramsden Rawnsley Redfern Rigby Roebuck Rothwell Rushworth Schofield \
Senior Shackleton Sidebottom Singleton Stansfield Sutcliffe Swallow Tattersall Tetley Thewlis Tordoff Uttley Varley Verity \
Waddington Wainwright Walmsley Wardle Whittaker Widdop Wolstenholme Womersley Yates Younghusband";
const PREFIXED: &str = "\
Mc Mc Mc Mac Mac Fitz O' De St.~ Le~ van~der~ von~ D' De~la~";
const PREFIX_ENDS: &str = "\
Alister Arthur Bride Cabe Cann Clelland Cluskey Conville Cormack Creadie Culloch Dougall Dowell Ewan Fadden Farlane Gee \
Gillivray Gowan Gregor Guire Hugh Innes Intosh Intyre Kinnon Lachlan Laren Lean Leod Manus Master Millan Nab Nally Naughton \
Neil Nulty Phail Pherson Queen Rae Shane Sweeney Tavish Vicar Whirter Williams";
const RARE_WOMEN: &str = "\
Abbie Adele Agatha Agnes Aimee Alexa Alexandra Alexis Alma Amber Anastasia Annabel Annette April Arabella Ariana Astrid Aurora \
Ayla Beatrice Bella Bernice Beth Bianca Blanche Bridget Bronwyn Camilla Candice Cara Carly Carmel Cassandra Cecilia Celia \
Chantelle Charis Cheryl Christina Clara Clementine Constance Coral Cordelia Courtney Daphne Darcy Demi Eden Effie Elaine Elena \
Eloise Elspeth Enid Erica Esme Esther Eunice Eva Evelyn Faith Fay Felicity Fiona Fleur Frances Francesca Freda Gabriella \
Gaynor Genevieve Georgina Geraldine Ginny Glenda Glenys Gloria Greta Gwen Gwendoline Harriet Hazel Heather Heidi Henrietta \
Hermione Hester Hope India Ingrid Iona Iris Isabel Isabelle Isobel Jacinta Jacqui Jan Janice Jasmine Jayne Jean Jeanette Jemima \
Jenna Jessie Jill Joy Juliet Juliette Katrina Kayleigh Keeley Keira Kim Kimberley Kirsten Lacey Lara Leah Lena Leonora Lilian \
Lilith Lorna Lorraine Lottie Lucinda Luna Lydia Lyla Lynda Lynn Lynne Madeleine Madison Maddison Mandy Marcia Marian Marilyn \
Marina Marlene Martha Martina Maud Mavis Maya Melanie Melissa Mercy Meredith Merle Minnie Miriam Moira Mollie Mona Morgan Muriel \
Myra Nadia Naomi Nell Nellie Nesta Nina Niamh Norma Octavia Odette Olga Olive Orla Ottilie Pansy Pearl Peggy Philippa Phillipa \
Polly Portia Primrose Priscilla Prudence Rachael Ramona Regina Rhiannon Rhoda Robyn Rochelle Romilly Rosalind Rosamund Rosa \
Rosemary Rowena Roxanne Rowan Sabrina Sadie Sally Saskia Savannah Selina Serena Shauna Shelley Sherry Siân Sinead Skye Sonia \
Stella Suzanne Tabitha Tamara Tamsin Tania Tara Tess Tessa Thelma Tiffany Tilly Tina Toni Trudy Una Ursula Valentina Vanessa \
Verity Veronica Violet Vivienne Winnie Yasmin Yvonne Yvette Zara Zelda Zena";
const RARE_MEN: &str = "\
Abel Abraham Adrian Aidan Ajax Alastair Alec Alfred Alister Alistair Allan Alvin Ambrose Angus Ansel Archibald Asa Asher \
Aubrey Augustus Austin Barnaby Barnabas Bartholomew Basil Beau Benedict Bentley Bertie Bertram Blake Brendan Brett Brody Bruce \
Bryan Bryn Byron Caleb Calum Calvin Cameron Carlton Casper Cecil Cedric Chad Chester Clarence Claude Clement Clifford Clifton \
Clint Cody Connie Conrad Corey Cyril Dale Damon Darcy Darius Darrell Darryl Daryl Dave Declan Denis Denzil Desmond Dexter Digby \
Dougal Douglas Drew Duane Dudley Dwayne Dwight Earl Eddie Edgar Edmund Edwin Eli Elliot Elliott Ellis Elvis Emmanuel Emrys Eric \
Errol Eugene Evan Ewan Ezra Fabian Felix Fergus Finlay Finn Floyd Francis Franklin Fraser Gabriel Garry Gary Gene Gerald Gerard \
Gilbert Giles Glen Glyn Godfrey Grant Gregory Guy Gwyn Hadley Hamish Harley Harris Harrison Harvey Hector Heath Herbert Horace \
Hubert Hugh Humphrey Hunter Ieuan Ifan Ike Ira Irving Ivan Ivor Jared Jarvis Jasper Jed Jenson Jerome Jesse Jethro Jim Joel \
Johnathan Jonah Jonty Josh Julian Justin Kai Kane Keegan Keir Kelvin Kenny Kent Kian Kit Kurt Kyle Lance Lawrence Laurence \
Leigh Len Leroy Lester Levi Lionel Llewellyn Lloyd Lorcan Louis Lucian Luther Lyndon Maddox Magnus Malachi Manfred Marley Martyn \
Maurice Maverick Maxwell Melvin Melvyn Merlin Micah Miles Milo Mitchell Monty Morgan Mortimer Murray Myles Nathaniel Ned Nelson \
Neville Nicky Ninian Oakley Oberon Olly Orlando Orson Osbert Oswald Otis Otto Owen Parker Percy Perry Piers Preston Quentin Quincy \
Ralph Randolph Raphael Ray Reece Rees Reginald Reuben Rex Rodney Roland Rolf Rollo Ross Rowan Rufus Rupert Sacha Sandy Saul \
Sebastian Seth Shane Sheldon Silas Sonny Spencer Stefan Sterling Tarquin Terry Tobias Todd Tony Tristan Troy Tudor Vernon Victor \
Vincent Vivian Wallace Warren Wesley Wilbur Wilfred Wilf Winston Woody Xander Xavier Zachary Zac Zane Zeb";
const NEW_STARTS: &str =
    "Ja Ka La Sha Ty De Bray Kay Ray May Ay Au El Em Ev Har Hol Jo Ke Ky Le Li Ma Mi Na Ro Ry Sky Ta Wi Za Ze";
const NEW_GIRLS: &str = "leigh lee la lyn na nna sha ra rah ya lani nika niqua bella lia ssa rose mae lie elle anna";
const NEW_BOYS: &str = "den don ron son ton vin lan len ven van shawn rell mar quan ce dyn lon lo ko jay";

/// The tables of the tail.
pub(super) struct Tail {
    starts: Vec<&'static str>,
    ends: Vec<&'static str>,
    others: Vec<&'static str>,
    prefixes: Vec<&'static str>,
    prefix_ends: Vec<&'static str>,
    rare: [Vec<&'static str>; 2],
    new_starts: Vec<&'static str>,
    new_ends: [Vec<&'static str>; 2],
}

fn words(text: &'static str) -> Vec<&'static str> {
    text.split_whitespace().collect()
}

impl Tail {
    /// The tables.
    pub(super) fn new() -> Self {
        Tail {
            starts: words(PLACE_STARTS),
            ends: words(PLACE_ENDS),
            others: words(OTHER_FAMILIES),
            prefixes: words(PREFIXED),
            prefix_ends: words(PREFIX_ENDS),
            rare: [words(RARE_WOMEN), words(RARE_MEN)],
            new_starts: words(NEW_STARTS),
            new_ends: [words(NEW_GIRLS), words(NEW_BOYS)],
        }
    }

    /// A family name that few bear.
    pub(super) fn family(&self, dice: &mut Dice) -> String {
        let mut name = match dice.unit() {
            u if u < 0.13 => (*dice.pick(&self.others)).to_owned(),
            u if u < 0.20 => {
                let prefix = dice.pick_early(&self.prefixes).replace('~', " ");
                format!("{prefix}{}", dice.pick(&self.prefix_ends))
            }
            _ => format!("{}{}", dice.pick_early(&self.starts), dice.pick_early(&self.ends)),
        };
        // The spellings of a name that parish clerks left behind: Holroyd, Holroyde; Hartley, Hartly; Clif, Cliff.
        if dice.chance(0.22) {
            name = respelled(&name, dice);
        }
        name
    }

    /// A forename that few bear, of somebody born in `year`.
    pub(super) fn given(&self, female: bool, year: i16, dice: &mut Dice) -> String {
        let sex = usize::from(!female);
        let invented = if year > 1985 { 0.25 } else { 0.02 };
        if dice.chance(invented) {
            let start = dice.pick(&self.new_starts);
            let ends = self.new_ends.get(sex).map_or(&[][..], Vec::as_slice);
            if !ends.is_empty() {
                return format!("{start}{}", dice.pick(ends));
            }
        }
        let list = self.rare.get(sex).map_or(&[][..], Vec::as_slice);
        if list.is_empty() {
            return String::from("Robin");
        }
        let name = *dice.pick(list);
        if year > 1985 && dice.chance(0.12) { respelled(name, dice) } else { name.to_owned() }
    }
}

/// Another spelling that is as old as the name itself.
fn respelled(name: &str, dice: &mut Dice) -> String {
    const ENDS: [(&str, &str); 14] = [
        ("ley", "leigh"),
        ("ley", "ly"),
        ("den", "don"),
        ("ton", "tone"),
        ("y", "ie"),
        ("ie", "y"),
        ("e", ""),
        ("s", "ss"),
        ("ll", "l"),
        ("n", "nn"),
        ("d", "de"),
        ("t", "tt"),
        ("h", ""),
        ("ah", "a"),
    ];
    let fitting: Vec<_> = ENDS.iter().filter(|(old, _)| name.ends_with(old) && name.len() > old.len() + 2).collect();
    if fitting.is_empty() {
        return format!("{name}s");
    }
    let (old, new) = **dice.pick(&fitting);
    format!("{}{new}", name.strip_suffix(old).unwrap_or(name))
}
