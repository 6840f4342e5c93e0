"""Random expressions of the attribute language, and what Python makes of them: the truth that the plugin is held to."""
import random
import urllib.parse

ENTRY = {"id": "e", "n": 7, "m": -3, "s": "Web-One a", "l": [3, 1, 2, -5], "t": ["b", "a", "cc"], "y": True, "e": [],
         "o": {"k": 4, "z": None, "w": "x"}, "ls": [{"rel": "self", "v": 1}, {"rel": "next", "v": 2}]}

# What each kind of expression is made of; a word in braces is one of that kind, less deep. "«" and "»" stand for the
# braces of a map.
LEAVES = {
    "num": ["value['n']", "value['m']", "value['o']['k']", "2", "13", "len(value['s'])"],
    "cond": ["value['y']", "True", "value['e']", "value['o']['z'] is None", "value['n'] > 3"],
    "txt": ["value['s']", "'a'", "''", '"O"', "value['t'][0]", "'x-y'"],
    "nums": ["value['l']", "[1, 2, 3]", "value['l'][1:3]"],
    "txts": ["value['t']", "['p']"],
}
FORMS = {
    "num": ["({num} + {num})", "{num} - {num}", "{num} * {num}", "{num} // {num}", "{num} % {num}", "-{num}", "abs({num})",
            "({num} if {cond} else {num})", "len({nums})", "sum({nums})", "max({num}, {num})", "min({nums})",
            "{nums}[-1]", "{nums}[1]", "value['o'].get('k', {num})", "value['o'].get('q', {num})", "int('-12')",
            "len({txt})"],
    "cond": ["{num} < {num}", "{num} >= {num}", "{num} == {num}", "{num} != {num}", "not {cond}", "{cond} and {cond}",
             "{cond} or {cond}", "({cond})", "{num} in {nums}", "{num} not in {nums}", "{txt} in {txt}",
             "'k' in value['o']", "{txt}.startswith({txt})", "any([{cond} for q in {txts}])",
             "all([q == {num} for q in {nums}])", "{txt} < {txt}"],
    "txt": ["({txt} + {txt})", "{txt}.lower()", "{txt}.upper()", "{txt}.strip()", "{txt}[1:]", "{txt}[:2]", "{txt}[-2:]",
            "{txt}[0:-1]", "str({num})", "','.join({txts})", "{txt}.replace('e', {txt})", "{txt}.split()[0]",
            "{txt}.split('-')[0]", "quote({txt})", "({txt} or {txt})", "(value['o']['z'] or «'k': {txt}»)['k']",
            "«{num}: {txt}, 7: {txt}».get({num}, {txt})"],
    "nums": ["[q * {num} for q in {nums}]", "[q for q in {nums} if q > {num}]", "({nums} + {nums})", "[{num}, {num}]",
             "list(map(lambda a: a + {num}, {nums}))", "list(filter(lambda a: a != {num}, {nums}))",
             "[i['v'] for i in value['ls'] if i.get('rel') == 'next']"],
    "txts": ["[q.upper() for q in {txts}]", "{txt}.split('-')", "list(value['o'].keys())",
             "[k for k, v in value['o'].items() if v is not None]", "list(«{txt}: 1, {txt}: {num}»)",
             "[v for k, v in «'a': {txt}, {txt}: {txt}».items() if k != {txt}]"],
}


def expression(chance, kind, depth):
    if depth == 0:
        return chance.choice(LEAVES[kind])
    parts = chance.choice(FORMS[kind]).split("{")
    text = parts[0]
    for part in parts[1:]:
        wanted, rest = part.split("}", 1)
        text += expression(chance, wanted, depth - 1) + rest
    return text.replace("«", "{").replace("»", "}")


def worth(text):
    """What Python makes of it."""
    return eval(text, {"value": ENTRY, "quote": lambda part: urllib.parse.quote(part, safe="")})


def sample(seed, count):
    """`count` expressions that have a value, with it."""
    chance, found = random.Random(seed), {}
    while len(found) < count:
        text = expression(chance, chance.choice(list(FORMS)), chance.randint(1, 4))
        if "value" not in text or len(text) > 2000:
            continue
        try:
            found[text] = worth(text)
        except (IndexError, KeyError, ValueError, ZeroDivisionError):
            continue
    return found
