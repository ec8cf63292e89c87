//! British names: the commonest by hand, forenames with the years in which they were given; the long tail is made in
//! [`super::tail`].

/// Forenames of women: name, weight at its height, the year of its height, and how many years either side it lasted.
/// The order and the shape follow the Office for National Statistics' lists of baby names for 1904 to 2021.
pub(super) const WOMEN: &str = "\
Mary 60 1924 26|Margaret 52 1931 17|Dorothy 30 1919 12|Joan 32 1925 10|Joyce 26 1924 9|Jean 32 1932 11|Doris 24 1916 10|\
Kathleen 22 1924 14|Irene 20 1921 12|Edna 14 1917 9|Vera 12 1920 9|Hilda 12 1916 9|Florence 24 1911 14|Elsie 20 1913 12|\
Phyllis 14 1918 9|Gladys 13 1914 9|Ethel 12 1910 9|Winifred 12 1914 10|Beryl 13 1930 8|Audrey 14 1930 9|Eileen 20 1929 11|\
Barbara 28 1936 10|Sheila 22 1935 9|Betty 16 1929 7|Brenda 18 1940 9|Sylvia 15 1937 9|June 16 1934 8|Marjorie 10 1919 9|\
Patricia 36 1943 12|Maureen 24 1941 9|Ann 32 1944 10|Anne 26 1949 14|Shirley 18 1938 8|Pamela 22 1944 9|Rita 14 1938 9|\
Valerie 18 1943 9|Doreen 14 1932 8|Marion 14 1943 12|Josephine 10 1945 18|Jennifer 26 1950 14|Judith 18 1947 9|\
Christine 40 1949 9|Susan 58 1954 9|Linda 40 1952 8|Carol 30 1951 9|Carole 12 1948 7|Janet 28 1949 9|Sandra 24 1953 10|\
Gillian 18 1954 10|Elizabeth 32 1948 40|Jacqueline 30 1960 9|Julie 36 1965 7|Karen 36 1964 7|Deborah 24 1964 7|Debra 9 1962 6|\
Tracey 22 1967 5|Tracy 16 1966 6|Jane 28 1959 12|Helen 28 1966 12|Diane 20 1959 9|Alison 24 1964 9|Sharon 26 1966 7|\
Angela 26 1961 10|Amanda 26 1967 8|Catherine 22 1964 18|Katherine 14 1982 14|Kathryn 10 1970 14|Wendy 16 1961 9|\
Lesley 16 1956 9|Theresa 10 1958 12|Teresa 9 1960 12|Beverley 13 1962 7|Dawn 16 1967 8|Denise 16 1960 9|Paula 14 1965 9|\
Sarah 50 1976 11|Sara 8 1974 11|Nicola 32 1973 7|Claire 32 1976 6|Clare 12 1974 8|Lisa 30 1972 8|Joanne 26 1971 6|\
Michelle 26 1972 8|Samantha 26 1977 9|Louise 24 1977 9|Donna 16 1971 7|Andrea 14 1969 8|Maria 16 1966 20|Caroline 14 1966 11|\
Emma 44 1981 11|Rachel 30 1982 11|Laura 36 1987 8|Gemma 30 1985 6|Rebecca 34 1989 10|Victoria 24 1984 11|Kelly 20 1982 6|\
Stephanie 20 1988 8|Leanne 14 1982 6|Natalie 20 1983 8|Zoe 18 1985 11|Hayley 18 1984 7|Kerry 13 1978 7|Katie 22 1991 9|\
Kate 10 1982 10|Natasha 14 1988 7|Danielle 18 1990 6|Jade 20 1994 6|Stacey 13 1984 6|Kirsty 11 1985 7|Jodie 10 1989 8|\
Charlotte 36 1994 12|Hannah 36 1994 9|Lauren 30 1994 7|Jessica 40 1996 9|Sophie 40 1997 9|Chloe 40 1999 6|Megan 30 1998 7|\
Bethany 24 1998 6|Emily 44 2001 11|Amy 30 1993 10|Georgia 22 2000 8|Ellie 24 2003 6|Alice 18 2003 14|Lucy 28 2000 11|\
Abigail 20 2000 8|Shannon 18 1996 5|Eleanor 16 1998 12|Molly 20 2001 8|Holly 22 1999 9|Paige 14 1998 6|Anna 14 1990 16|\
Olivia 42 2008 9|Grace 30 2008 8|Lily 30 2010 7|Amelia 34 2014 7|Isla 26 2017 6|Ava 26 2014 7|Isabella 20 2012 7|Mia 24 2011 7|\
Poppy 22 2012 8|Ella 24 2008 8|Evie 24 2011 6|Freya 20 2014 8|Florence 22 2019 7|Ivy 22 2020 5|Willow 18 2019 5|Daisy 18 2011 9|\
Sienna 16 2015 6|Rosie 16 2014 8|Elsie 18 2016 6|Millie 18 2008 7|Phoebe 18 2010 9|Harper 14 2018 4|Aria 12 2018 5|\
Matilda 13 2015 7|Scarlett 14 2010 7|Imogen 10 2006 9|Erin 13 2006 8|Maisie 13 2011 7|Summer 9 2010 7|Lola 10 2012 7|\
Sofia 14 2017 7|Sophia 18 2013 6|Ruby 18 2009 7|Emilia 11 2018 6|Penelope 10 2018 5|Thea 10 2017 6|Eliza 10 2014 8|\
Margot 9 2020 4|Delilah 8 2018 5|Nancy 8 2014 9|Ada 7 2019 5|Bonnie 8 2017 6|Hallie 7 2019 4|Mabel 8 2020 5|Edith 12 1918 14";

/// Forenames of men, in the same form.
pub(super) const MEN: &str = "\
John 78 1938 24|William 50 1922 22|George 34 1918 18|James 22 1928 26|Thomas 34 1920 24|Arthur 22 1915 14|Ronald 24 1928 10|\
Frederick 20 1917 13|Albert 16 1916 13|Charles 20 1920 20|Ernest 13 1915 11|Harold 14 1918 11|Leslie 16 1926 11|\
Kenneth 24 1931 11|Dennis 18 1931 10|Stanley 14 1921 11|Eric 14 1925 11|Raymond 20 1935 11|Peter 42 1943 14|Derek 20 1934 9|\
Roy 20 1932 10|Donald 14 1930 11|Gordon 13 1930 11|Sidney 9 1918 11|Norman 13 1927 10|Brian 32 1939 10|Alan 32 1944 12|\
Michael 52 1947 14|David 72 1951 14|Anthony 34 1947 14|Robert 46 1946 24|Roger 22 1944 8|Keith 26 1948 12|Barry 18 1944 9|\
Terence 20 1941 10|Malcolm 17 1944 10|Geoffrey 18 1943 11|Colin 24 1946 11|Graham 26 1950 11|Trevor 16 1946 11|\
Patrick 14 1945 18|Richard 34 1952 20|Christopher 40 1966 20|Stephen 44 1957 10|Philip 28 1955 13|Paul 58 1962 10|\
Kevin 32 1960 9|Nigel 20 1958 8|Martin 28 1956 11|Ian 34 1960 10|Andrew 56 1966 10|Mark 52 1966 9|Simon 34 1967 10|\
Neil 24 1965 9|Gary 30 1962 9|Steven 32 1964 10|Timothy 17 1959 12|Nicholas 22 1964 12|Jonathan 20 1970 12|Adrian 16 1964 10|\
Stuart 18 1968 10|Darren 28 1970 7|Jason 26 1971 6|Wayne 15 1970 8|Craig 20 1973 8|Lee 30 1976 9|Dean 18 1971 9|\
Carl 15 1970 9|Shaun 14 1973 9|Sean 14 1974 12|Robin 8 1952 14|Duncan 8 1962 11|Glenn 8 1963 9|Russell 9 1966 9|\
Matthew 46 1985 11|Daniel 46 1987 10|Adam 30 1987 11|Ben 14 1988 9|Benjamin 24 1989 13|Ryan 28 1991 8|Luke 30 1992 9|\
Thomas 44 1996 12|James 50 1990 18|Joshua 40 1997 8|Jack 52 1999 8|Jordan 26 1995 5|Samuel 28 1996 12|Joseph 30 1998 15|\
Liam 24 1995 10|Callum 22 1998 7|Connor 24 1998 6|Kieran 16 1995 7|Nathan 20 1996 9|Jake 24 1996 8|Lewis 22 1998 8|\
Bradley 16 1996 7|Aaron 20 1992 8|Alexander 26 1994 15|Oliver 40 2006 11|Harry 38 2005 11|George 32 2010 10|William 26 2004 14|\
Charlie 34 2008 9|Jacob 26 2004 9|Alfie 26 2007 7|Ethan 22 2006 7|Noah 30 2016 7|Leo 26 2016 7|Oscar 24 2013 8|Archie 24 2012 8|\
Freddie 20 2014 7|Theo 20 2017 6|Theodore 14 2019 4|Arthur 26 2019 5|Henry 22 2016 8|Logan 18 2013 6|Isaac 16 2013 9|\
Max 18 2009 9|Lucas 18 2014 7|Riley 14 2010 6|Tyler 16 2001 7|Dylan 20 2005 9|Finley 16 2013 7|Edward 20 2000 24|\
Edward 22 1920 20|Reggie 10 2015 6|Jude 10 2017 7|Luca 12 2019 5|Albie 8 2019 5|Roman 8 2018 5|Jaxon 8 2016 5|Rory 9 2018 8|\
Hugo 9 2016 8|Louie 9 2015 7|Bobby 8 2013 9|Teddy 8 2017 6|Elijah 10 2017 6|Mason 12 2013 5|Toby 12 2006 9|Stanley 12 2014 7|\
Ashley 14 1991 8|Scott 16 1985 12|Marcus 10 1985 12|Dominic 10 1992 12|Gareth 13 1979 9|Rhys 10 1999 9|Jamie 20 1991 11|\
Frank 14 1924 14|Jeffrey 10 1949 10|Leonard 13 1920 11|Walter 10 1914 13|Jeremy 10 1960 11|Karl 8 1972 10|Stewart 8 1962 10|\
Gavin 12 1976 8|Phillip 9 1962 14|Marc 8 1974 9|Leon 8 1990 14|Damian 7 1976 9|Howard 7 1950 11|Clive 8 1950 9|Bernard 10 1932 11";

/// Family names of Great Britain, commonest first; 34 % of people have one of these, SMITH 1.2 %.
pub(super) const FAMILIES: &str = "\
Smith Jones Taylor Williams Brown Davies Wilson Evans Thomas Johnson Roberts Walker Wright Robinson Thompson White Hughes \
Edwards Green Hall Wood Harris Lewis Martin Jackson Clarke Turner Hill Clark Scott Cooper Morris Ward Moore King Watson Baker \
Harrison Morgan Young Allen Mitchell James Anderson Phillips Lee Bell Parker Davis Bennett Cook Shaw Cox Miller Griffiths \
Richardson Carter Marshall Collins Price Simpson Gray Bailey Adams Campbell Kelly Stewart Richards Robertson Murray Ellis \
Chapman Wilkinson Foster Graham Webb Rogers Mason Gibson Russell Hunt Mills Murphy Palmer Holmes Reid Matthews Fisher Knight \
Lloyd Barnes Powell Harvey Barker Butler Stevens Jenkins Pearson Stone Dixon Reynolds Fox Fletcher Howard Walsh Hudson \
Saunders Lawrence Rose Atkinson Andrews Spencer Dawson Burton Pearce Hart Ross Booth Elliott Armstrong Payne Burns Johnston \
Cole Watts Hawkins Francis Gardner Day Henderson Perry Carr Lane Cunningham Nicholson Hamilton Ford Henry Porter Grant Ryan \
Kennedy Newton Wells Cross Bradley Webster Stephens Woods Lowe Barrett Burgess Kerr Hopkins Wallace Gordon Bird Parsons \
Sutton Hayes Douglas Gregory Oliver Potter Warren Sharp Higgins Arnold Bates Nelson Jennings Lynch Rhodes Long Holland \
Wheeler Curtis Black Wilkins Harper Bishop Moss Freeman Frost Hardy Fuller Todd Griffin Willis Cooke Crawford Bryant \
Stevenson Lambert Bolton Cameron Hewitt Goodwin Sullivan May Barton Hunter Patterson Read Ball Morrison Buckley Brooks \
Doyle Poole Austin Chambers Rowe Townsend Nash Norris Gilbert Field Thomson Owen Lord Coleman French Sanders Riley Hancock \
Horton Dunn Thornton Little Carroll Savage Walton Gill Parkinson Hicks Cartwright Slater Reeves Perkins Marsh Peters Barlow \
Dean Sykes Baxter Tucker Bull Banks Preston Ingram Weston Norton Pritchard Bowen Faulkner Heath Charlton Bond Peacock \
Shepherd Middleton Steele Wade Farrell McDonald Fraser MacDonald McKenzie Sinclair Mackay Ferguson Paterson Duncan Boyd \
Rees Howells Llewellyn Parry Vaughan Pugh Bevan Meredith Beynon Trevithick Penrose Pascoe Tregenza Osborne Kirk Garner Dale";

/// Irish families, commonest first.
pub(super) const IRISH_FAMILIES: &str = "\
Murphy Kelly O'Sullivan Walsh Smith O'Brien Byrne Ryan O'Connor O'Neill O'Reilly Doyle McCarthy Gallagher Doherty Kennedy \
Lynch Murray Quinn Moore McLoughlin O'Carroll Connolly Daly O'Connell Wilson Dunne Brennan Burke Collins Campbell Clarke \
Johnston Hughes O'Farrell Fitzgerald Brown Martin Maguire Nolan Flynn Thompson O'Callaghan O'Donnell Duffy O'Mahony Boyle \
Healy O'Shea White Sweeney Hayes Kavanagh Power McGrath Moran Brady Stewart Casey Foley Fitzpatrick O'Leary McDonnell \
MacMahon Donnelly Regan Donovan Burns Flanagan Mullan Barry Kane Robinson Cunningham Griffin Kenny Sheehan Ward Whelan Lyons \
Reid Graham Higgins Cullen Keane King Maher McKenna Bell Scott Hogan O'Keeffe Magee McNamara McDonald McDermott Molony \
O'Rourke Buckley O'Dwyer McGuinness Ní-Mhurchú Ó-Súilleabháin";

/// Irish forenames: women.
pub(super) const IRISH_WOMEN: &str = "\
Mary Bridget Margaret Kathleen Siobhan Aoife Niamh Ciara Sinead Orla Roisin Maeve Grainne Deirdre Caoimhe Saoirse Eileen Nora \
Noreen Una Aisling Brigid Maura Philomena Bernadette Clodagh Aine Fionnuala Teresa Breda Colette Assumpta Imelda Catriona";

/// Irish forenames: men.
pub(super) const IRISH_MEN: &str = "\
Patrick John Michael James Sean Conor Liam Declan Brendan Kieran Padraig Seamus Eamonn Niall Cormac Ciaran Aidan Eoin Fergal \
Oisin Cian Donal Diarmuid Colm Kevin Thomas Daniel Joseph Rory Finbar Ronan Tadhg Noel Gerard Dermot Brian Martin Cathal";
