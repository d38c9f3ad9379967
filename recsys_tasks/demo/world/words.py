"""Word lists that invented names are made of, one set for each language of the world's genres."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Language:
    """What names of one language are built from; ``{}`` patterns take the words by their field names."""

    starts: tuple[str, ...]
    middles: tuple[str, ...]
    ends: tuple[str, ...]
    firsts: tuple[str, ...]
    colours: tuple[str, ...]
    things: tuple[str, ...]
    artists: tuple[str, ...]
    titles: tuple[str, ...]


def _language(starts: str, middles: str, ends: str, firsts: str, colours: str, things: str, patterns: str) -> Language:
    starts_, middles_, ends_, firsts_, colours_, things_ = (
        tuple(text.split()) for text in (starts, middles, ends, firsts, colours, things)
    )
    artists, titles = (tuple(line.strip() for line in part.split("|")) for part in patterns.split("||"))
    return Language(starts_, middles_, ends_, firsts_, colours_, things_, artists, titles)


ENGLISH = _language(
    "Bar Bel Bran Cal Car Cor Dal Del Dor El Fen Gar Hal Har Ker Kin Lan Lor Mar Mel Mor Nor Or Pel Ran Ros Sal Sel "
    "Sten Tal Tor Ul Val Ver Wal Wes Wil Yar Zel Ash",
    "a e i o u an el in or ar is al en il",
    "by croft dale den dine ford gate ham holm land ley ling low mere more nell row ston wick wood worth vale",
    "Ada Ben Clara Dev Edie Finn Gwen Hugo Ivy Jonah Kit Lena Mabel Noor Otis Pia Quinn Ruth Silas Tess Una Wes Zadie "
    "Amos Bea Cleo Dot Ezra Fay Hal",
    "Amber Ashen Blind Borrowed Broken Burning Copper Distant Early Electric Empty Faded Foreign Frozen Gentle Golden "
    "Half Hollow Honest Hungry Idle Ivory Last Late Little Local Lonely Lost Lucky Midnight Minor Modern Narrow Neon "
    "New Northern Open Paper Patient Plastic Quiet Rented Restless Sacred Second Secret Silver Sleeping Slow Small "
    "Southern Spare Stolen Sudden Summer Tender Velvet Wild Winter Wooden Young",
    "Harbour Engine Orchard River Signal Window Garden Machine Mirror Ocean Radio Season Shadow Station Summer Sunday "
    "Ticket Tunnel Valley Village Weather Winter Anchor Avenue Ballroom Balloon Bicycle Border Bridge Candle "
    "Canyon Carousel Cathedral Comet Corridor Desert Door Echo Elevator Empire Feather Festival "
    "Fever Fiction Fire Forest Fountain Ghost Highway Holiday Horizon Hotel Island Kitchen Ladder Lantern Letter "
    "Lighthouse Meadow Mountain Museum Needle Parade Photograph Pilot Planet Postcard Prairie Promise Puzzle "
    "Railway Rumour Satellite Sparrow Staircase Suitcase Telephone Theatre Tide Tiger Umbrella Vineyard Violet",
    "{coined}|The {colour} {thing}s|{first} {coined}|{colour} {coined}|{coined} {thing}|{first} & the {thing}s||"
    "{colour} {thing}|{thing} of {coined}|The {thing} and the {thing2}|{colour} {thing}, {colour2} {thing2}|"
    "Back to {coined}|My {colour} {thing}|When the {thing} Is {colour}|{thing} Song for {first}|{first}'s {thing}|"
    "No {thing} in {coined}|{thing}|Another {colour} {thing}",
)
NORDIC = _language(
    "Ås Bjør Dal Ei Fjell Grön Havs Hjä Ing Jök Kår Lind Lju Mån Nå Ö Rø Sjö Skå Sol Stjär Sö Tor Trä Vå Ylv",
    "a e i n r ar ens el",
    "berg bo dal fors gren havn holm kvist lund mark nes strand vik vind ström",
    "Åsa Björn Dagny Eirik Freja Gro Håkon Ingrid Jørn Kåre Liv Märta Njål Odd Pål Runa Sigrún Tove Ulf Ylva",
    "Blå Grå Grønn Gyllene Hvit Kall Klar Lang Liten Mørk Ny Rød Siste Stille Sølv Tung Vild Öppen",
    "Bølge Dröm Fjord Hav Himmel Hjerte Kveld Lys Måne Natt Regn Sang Sjø Skog Snø Sommar Stjerne Vinter Vei Ånd Älv",
    "{first} {coined}|{coined}|{colour} {thing}|{coined} {thing}||"
    "{colour} {thing}|{thing} over {coined}|{thing} og {thing2}|Min {colour} {thing}|{first} og {thing}|{thing}",
)
IBERIAN = _language(
    "Al Are Bel Cal Cór Dou Es Fer Gua Íg Jar Lim Lu Mar Mon Nú Oli Pal Quin Río San Sol Tri Val Xa",
    "a e i o ra lo ne ni",
    "ção dez ello eiro illo ín món nha ño res rosa tana val ves",
    "Ángel Beatriz Caetana Dário Elisa Fátima Gael Inês João Lucía Mateo Núria Óscar Paloma Raúl Sofía Tomás Zoë",
    "Azul Blanca Breve Clara Doce Eterna Fría Gris Larga Leve Libre Nueva Perdida Roja Serena Última Vieja",
    "Alma Arena Canción Ciudad Corazón Estação Flor Lluvia Luna Luz Mañana Maré Noche Ola Playa Primavera Rua Saudade "
    "Sombra Tarde Ventana Voz",
    "{first} {coined}|Los {coined}|{thing} {colour}|{coined}|{first} y la {thing}||"
    "{thing} {colour}|La {thing} de {first}|{thing} y {thing2}|Una {thing} {colour}|{thing} en {coined}|{thing}",
)
JAPANESE = _language(
    "青 赤 秋 雨 石 海 風 川 北 黒 小 桜 白 杉 空 高 竹 月 西 春 東 星 松 水 南 森 山 夕 雪 夜",
    "ノ 之 が",
    "井 浦 江 岡 音 川 崎 沢 島 瀬 田 谷 野 橋 原 堀 町 道 宮 村 屋",
    "葵 明 楓 花 健 香 光 咲 翔 凛 蓮 遥 響 真 舞 結 悠 玲",
    "青い 赤い 淡い 遠い 白い 静かな 小さな 長い 眠る 古い 真夜中の 夜明けの 忘れた 最後の",
    "雨 歌 海 駅 風 記憶 汽車 蛍 坂道 桜 空 月 手紙 灯 夏 波 花火 窓 夢 夜 約束 雪 電話 ラジオ",
    "{coined}{first}|{colour}{thing}|{coined}||"
    "{colour}{thing}|{thing}と{thing2}|{thing}の{thing2}|{coined}の{thing}|{first}への{thing}|{colour}{thing}、{colour2}{thing2}",
)
FRENCH = _language(
    "Ar Beau Bel Cha Clair Cour Du Fau Gran Jo La Ma Mon Mou Nan Pré Ro Sau Thé Val Vé Vil",
    "a e i o an ar in on",
    "bert court don dreau fort let lieu mont nay ron sac tel ton ville vray",
    "Aurélie Benoît Céleste Désiré Élodie François Gaëlle Hélène Inès Jérôme Léa Maël Noémie Odile Rémi Théo Zoé",
    "Bleue Douce Dernière Étrange Froide Grise Lente Lointaine Nue Pâle Petite Sauvage Secrète Vieille",
    "Étoile Chambre Danse Forêt Fenêtre Gare Île Lettre Lumière Mer Nuit Ombre Pluie Plage Rue Rivière Saison Ville "
    "Voix Été",
    "{first} {coined}|Les {coined}|{coined}|La {thing} {colour}||"
    "La {thing} {colour}|{thing} et {thing2}|{thing} à {coined}|Une {colour} {thing}|{first}, ma {thing}|{thing}",
)
LANGUAGES = (ENGLISH, ENGLISH, NORDIC, ENGLISH, IBERIAN, ENGLISH, JAPANESE, ENGLISH, FRENCH)
GENRES = (
    "indie", "electronic", "folk", "hip hop", "latin", "rock", "city pop", "jazz", "chanson", "soul", "techno",
    "metal", "house", "flamenco", "ambient", "j-rock", "blues", "cabaret",
)  # fmt: skip
