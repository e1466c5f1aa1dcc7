#!/usr/bin/env python3
"""An oracle for votes, written from docs/voting.md and from nothing else.

It tries out what the page says: an outcome is certain when every way in which
the silent members can go on gives the same. The tally, which does not try
anything out, must agree.

    vote_oracle.py examples DOC     the page's own examples
    vote_oracle.py tables  TALLY    every way to stand, many rules
    vote_oracle.py orders  TALLY    every order of ballots, with changed ones
    vote_oracle.py random  TALLY COUNT SEED

TALLY is the program test_tally, which reads votes as the page writes them.
"""
import itertools
import random
import re
import subprocess
import sys
import tempfile
from fractions import Fraction

SILENT, APPROVE, REJECT, ABSTAIN = '-', 'approve', 'reject', 'abstain'
SIDES = (APPROVE, REJECT)


class Vote:
    """A rule and its electorate. Ballots that name options are tuples."""

    def __init__(self, lines):
        get = lines.get
        words = get('strategy', 'majority').split()
        self.strategy, self.lines = words[0], lines
        members = [m.split() for m in get('members').split(',')]
        self.names = [m[0] for m in members]
        self.options = tuple(split(get('options')))
        self.ranked = get('ranked') == 'yes'
        self.final = get('final') == 'yes'
        weighted = self.strategy == 'weighted'
        weights = [Fraction(m[1] if len(m) > 1 else 1) for m in members]
        # whole numbers in the same proportions
        scale = 10 ** 6 if weighted else 1
        self.units = [int(w * scale) if weighted else 1 for w in weights]
        self.all = sum(self.units)
        aside = 'aside' if self.strategy == 'quorum' else 'counted'
        self.abstentions = get('abstentions', aside) == 'counted'
        self.silence = get('silence', aside) == 'counted'
        self.veto = [self.names.index(v) for v in split(get('veto'))]
        self.leader = (self.names.index(get('leader'))
                       if get('tie') == 'leader' else None)
        self.set_threshold(get('threshold'))
        quorum = words[1] if len(words) > 1 else get('quorum')
        if not quorum and self.strategy == 'quorum':
            quorum = str(len(members) // 2 + 1)
        self.quorum = quorum

    def set_threshold(self, text):
        if not text:
            text = ('1/1' if self.strategy == 'unanimous' else
                    None if self.options else '>1/2')
        self.above = bool(text) and text[0] == '>'
        self.share = share(text.lstrip('>')) if text else None

    # -- what is said of both kinds of questions ---------------------------

    def is_quorate(self, stand):
        if not self.quorum:
            return True
        cast = [i for i, word in enumerate(stand) if word != SILENT]
        if self.quorum.isdigit():
            return len(cast) >= int(self.quorum)
        return sum(self.units[i] for i in cast) >= share(self.quorum) * self.all

    def whole(self, stand):
        return sum(u for u, word in zip(self.units, stand)
                   if not (word == ABSTAIN and not self.abstentions)
                   and not (word == SILENT and not self.silence))

    def relation(self, part, whole):
        """More (1) or less (-1) than the threshold's share, or just it (0)."""
        a, b = part * self.share.denominator, whole * self.share.numerator
        return (a > b) - (a < b)

    def at_deadline(self, stand):
        """The outcome when time is up, and the option that won."""
        if any(stand[i] == REJECT for i in self.veto):
            return 'vetoed', None
        if not self.is_quorate(stand):
            return 'noQuorum', None
        if self.ranked:
            return self.run_off(stand)
        return self.most(stand) if self.options else self.approval(stand)

    # -- approve or reject ---------------------------------------------------

    def is_approved(self, stand):
        part = sum(u for u, w in zip(self.units, stand) if w == APPROVE)
        if not part:
            return False
        relation = self.relation(part, self.whole(stand))
        if relation == 0 and self.above:
            return self.leader is not None and stand[self.leader] == APPROVE
        return relation >= 0

    def approval(self, stand):
        if self.is_approved(stand):
            return 'accepted', None
        if self.silence and SILENT in stand and self.is_approved(
                [APPROVE if word == SILENT else word for word in stand]):
            return 'expired', None
        return 'rejected', None

    # -- options ---------------------------------------------------------------

    def votes(self, stand, options):
        votes = dict.fromkeys(options, 0)
        for units, word in zip(self.units, stand):
            if isinstance(word, tuple):
                best = [o for o in word if o in votes]
                if best:
                    votes[best[0]] += units
        return votes

    def break_tie(self, stand, tied):
        if self.leader is not None and isinstance(stand[self.leader], tuple):
            for option in stand[self.leader]:
                if option in tied:
                    return 'accepted', option
        return 'rejected', None

    def has_share(self, part, whole):
        return not self.share or (
            self.relation(part, whole) >= (1 if self.above else 0))

    def most(self, stand):
        votes = self.votes(stand, self.options)
        most = max(votes.values())
        tied = [o for o in self.options if votes[o] == most]
        enough = self.has_share(most, self.whole(stand))
        if enough and most and len(tied) == 1:
            return 'accepted', tied[0]
        if self.silence and not enough and SILENT in stand:
            named = [tied[:1] and (tied[0],) if w == SILENT else w
                     for w in stand]
            if self.has_share(self.votes(named, self.options)[tied[0]],
                              self.whole(named)):
                return 'expired', None
        if enough and most:
            return self.break_tie(stand, tied)
        return 'rejected', None

    def run_off(self, stand):
        still = list(self.options)
        while True:
            votes = self.votes(stand, still)
            total = sum(votes.values())
            if not total:
                return 'rejected', None
            for option in still:
                if 2 * votes[option] > total:
                    return 'accepted', option
            if len(set(votes.values())) == 1:
                return self.break_tie(stand, still)
            fewest = min(votes.values())
            still.remove([o for o in still if votes[o] == fewest][-1])

    # -- before the deadline ---------------------------------------------------

    def early_ranked(self, stand):
        """The page's own test for ranked choice."""
        if any(stand[i] == REJECT for i in self.veto):
            return 'vetoed', None
        if SILENT not in stand:
            return self.at_deadline(stand)
        if not self.is_quorate(stand) or any(
                stand[i] == SILENT for i in self.veto):
            return 'open', None
        votes = self.votes(stand, self.options)
        silent = sum(u for u, w in zip(self.units, stand) if w == SILENT)
        for option in self.options:
            if votes[option] > sum(votes.values()) - votes[option] + silent:
                return 'accepted', option
        return 'open', None

    def words(self):
        """All that a member may say."""
        if not self.options:
            return [APPROVE, REJECT, ABSTAIN]
        longest = len(self.options) if self.ranked else 1
        ballots = [p for k in range(1, longest + 1)
                   for p in itertools.permutations(self.options, k)]
        return ballots + [ABSTAIN] + ([REJECT] if self.veto else [])

    def allowed(self, voter, word):
        return not (self.options and word == REJECT and voter not in self.veto)


def split(text):
    return [part.strip() for part in text.split(',')] if text else []


def share(text):
    return Fraction(int(text[:-1]), 100) if text[-1] == '%' else Fraction(text)


def word_text(word):
    return '>'.join(word) if isinstance(word, tuple) else word


# -- every way to stand --------------------------------------------------------


class Table:
    """The outcomes of all standings of a small electorate, and what each can
    still become. A standing is a number whose digits are words; 0 is silence.
    """

    def __init__(self, vote):
        self.vote = vote
        self.words = [SILENT] + vote.words()
        self.base, self.n = len(self.words), len(vote.names)
        self.late = []
        for digits in itertools.product(range(self.base), repeat=self.n):
            stand = [self.words[d] for d in reversed(digits)]
            self.late.append(vote.at_deadline(stand))
        bits = {o: 1 << i for i, o in enumerate(sorted(set(self.late), key=str))}
        self.can = [bits[outcome] for outcome in self.late]
        for state in range(len(self.can) - 1, -1, -1):
            can, place = self.can[state], 1
            for voter in range(self.n):
                if state // place % self.base == 0:
                    for digit in range(1, self.base):
                        if vote.allowed(voter, self.words[digit]):
                            can |= self.can[state + digit * place]
                place *= self.base
            self.can[state] = can

    def stand(self, state):
        return [self.words[state // self.base ** i % self.base]
                for i in range(self.n)]

    def early(self, state):
        one = self.can[state] & (self.can[state] - 1) == 0
        if self.vote.ranked:
            outcome = self.vote.early_ranked(self.stand(state))
            assert outcome[0] == 'open' or (
                one and outcome == self.late[state]), self.stand(state)
            return outcome
        return self.late[state] if one else ('open', None)

    def is_allowed(self, state):
        return all(self.vote.allowed(i, w)
                   for i, w in enumerate(self.stand(state)))


def letters(vote, outcome):
    name, option = outcome
    return name[0] + (str(vote.options.index(option)) if option else '-')


def run(tally, blocks):
    with tempfile.TemporaryFile('w+') as file:
        for lines in blocks:
            file.write(''.join(f'{k}: {v}\n' for k, v in lines.items()) + '\n')
        file.seek(0)
        done = subprocess.run([tally], stdin=file, capture_output=True,
                              text=True, check=True)
    return done.stdout.splitlines()


def differ(lines, said, want, where=''):
    text = '\n'.join(f'  {k}: {v}' for k, v in lines.items())
    sys.exit(f'the tally and the page differ\n{text}\n{where}'
             f'  tally: {said}\n  page:  {want}')


MEMBERS = {
    'equal': ['1'] * 5,
    'heavy': ['3', '1', '1', '1', '1'],
    'mixed': ['2', '1', '1', '0.5', '0.5'],
    'edges': ['0.000001', '1000000000', '0.5', '0.25', '0.25'],
}


def electorate(count, weights):
    return ', '.join(f'{"abcde"[i]} {MEMBERS[weights][i]}'
                     for i in range(count))


def rule_lines(count, **parts):
    """A rule as the page writes it, of the parts that are given."""
    weights = parts.pop('weights', 'equal')
    lines = {'strategy': parts.pop('strategy', 'majority'),
             'members': electorate(count, weights)}
    return {**lines, **{k: v for k, v in parts.items() if v}}


def approval_rules(count, sample, rng):
    """All combinations of the parts, or a sample of them."""
    quorums = [None, '1/2', '2/3'] + [str(q) for q in range(1, count + 1)]
    vetoes = [None, 'a'] + (['a, b'] if count > 1 else [])
    parts = [
        ['majority', 'unanimous', 'quorum', 'heavy', 'mixed', 'edges'],
        [None, '>1/2', '1/2', '2/3', '>2/3', '1/3', '60%', '1/1'],
        [None, 'counted', 'aside'], [None, 'counted', 'aside'],
        [None, 'a', 'abcde'[count - 1]], quorums, vetoes]
    rules = list(itertools.product(*parts))
    if sample:
        rules = rng.sample(rules, sample)
    for strategy, threshold, abstain, silence, leader, quorum, veto in rules:
        weights = strategy if strategy in MEMBERS else 'equal'
        if strategy == 'unanimous':
            threshold = None
        yield rule_lines(
            count, strategy='weighted' if strategy in MEMBERS else strategy,
            weights=weights, threshold=threshold, abstentions=abstain,
            silence=silence, leader=leader, tie=leader and 'leader',
            quorum=quorum, veto=veto)


def option_rules(count, ranked):
    for strategy, names, leader, quorum, veto, threshold in itertools.product(
            ['majority', 'quorum', 'heavy', 'mixed'],
            ['red, green', 'red, green, blue'], [None, 'a'],
            [None, '2/3', str(count)], [None, 'a'],
            [None] if ranked else [None, '>1/2', '1/2', '1/3', '1/1']):
        if ranked and (count > 3 and names.count(',') > 1 or
                       count > 4 or (count > 2 and veto)):
            continue
        weights = strategy if strategy in MEMBERS else 'equal'
        yield rule_lines(
            count, strategy='weighted' if strategy in MEMBERS else strategy,
            weights=weights, options=names, leader=leader,
            tie=leader and 'leader', quorum=quorum, veto=veto,
            threshold=threshold, ranked=ranked and 'yes')


def check_tables(tally, rules):
    rules = list(rules)
    tables = [Table(Vote(lines)) for lines in rules]
    blocks = [{**lines, 'table': ' '.join(map(word_text, table.words))}
              for lines, table in zip(rules, tables)]
    checked = 0
    for lines, table, said in zip(rules, tables, run(tally, blocks)):
        if said.startswith('fault'):
            differ(lines, said, 'a rule')
        for state in range(len(table.late)):
            if not table.is_allowed(state):
                continue
            want = (letters(table.vote, table.early(state)) +
                    letters(table.vote, table.late[state]))
            have = said[4 * state:4 * state + 4]
            if have != want:
                stand = ', '.join(map(word_text, table.stand(state)))
                differ(lines, have, want, f'  stand: {stand}\n')
            checked += 1
    return checked


def tables(tally):
    rng = random.Random(5)
    rules = states = 0
    samples = {1: 0, 2: 0, 3: 3000, 4: 400, 5: 150}
    for count, sample in samples.items():
        some = list(approval_rules(count, sample, rng))
        for strategy in ('majority', 'unanimous', 'weighted', 'quorum'):
            some.append(rule_lines(count, strategy=strategy, weights='mixed'))
        for ranked in (False, True):
            more = list(option_rules(count, ranked))
            limit = {1: 400, 2: 400, 3: 120, 4: 40, 5: 15}[count]
            some += rng.sample(more, min(limit, len(more)))
        states += check_tables(tally, some)
        rules += len(some)
    print(f'{rules} rules, {states} standings of 1 to 5 members, each before '
          'and after the deadline: all agree')


# -- every order of ballots ------------------------------------------------------


def history(table, ballots, final, late):
    """The page's account of a history: how many were read, and the outcome."""
    state, seen = 0, set()
    for read, (voter, digit) in enumerate(ballots, 1):
        if final and voter in seen:
            continue
        seen.add(voter)
        place = table.base ** voter
        state += (digit - state // place % table.base) * place
        outcome = table.early(state)
        if outcome[0] != 'open':
            return read, outcome
    return len(ballots), table.late[state] if late else ('open', None)


def outcome_text(read, outcome):
    return f'{outcome[0]} after {read}' + (
        f' {outcome[1]}' if outcome[1] else '')


def check_histories(tally, lines, histories):
    vote = Vote(lines)
    table = Table(vote)
    blocks, wants = [], []
    for ballots, late in histories:
        block = dict(lines)
        if ballots:
            block['ballots'] = ', '.join(
                f'{vote.names[v]} {word_text(table.words[d])}'
                for v, d in ballots)
        if late:
            block['deadline'] = 'passed'
        blocks.append(block)
        wants.append(outcome_text(*history(table, ballots, vote.final, late)))
    for block, said, want in zip(blocks, run(tally, blocks), wants):
        if said != want:
            differ(block, said, want)
    return len(blocks)


def all_orders(count, words):
    """Every order in which some of the members cast, and all they can say."""
    for some in range(count + 1):
        for order in itertools.permutations(range(count), some):
            for said in itertools.product(range(1, words + 1), repeat=some):
                yield list(zip(order, said)), some < count


def all_changes(count, words, longest):
    """Every sequence of ballots, members casting as often as they like."""
    ballots = list(itertools.product(range(count), range(1, words + 1)))
    for size in range(longest + 1):
        for sequence in itertools.product(ballots, repeat=size):
            yield list(sequence), size % 2 == 0


def orders(tally):
    rules = [
        {'strategy': 'majority'},
        {'strategy': 'unanimous'},
        {'strategy': 'weighted', 'weights': 'mixed'},
        {'strategy': 'quorum'},
        {'strategy': 'majority', 'threshold': '2/3', 'abstentions': 'aside'},
        {'strategy': 'quorum', 'quorum': '2/3', 'tie': 'leader',
         'leader': 'b', 'veto': 'a'},
    ]
    done = 0
    for parts in rules:
        done += check_histories(tally, rule_lines(5, **parts), all_orders(5, 3))
        for final in (None, 'yes'):
            for count, longest in ((2, 5), (3, 4)):
                done += check_histories(
                    tally, rule_lines(count, final=final, **parts),
                    all_changes(count, 3, longest))
    done += check_histories(tally, rule_lines(
        4, options='red, green', tie='leader', leader='a'), all_orders(4, 3))
    done += check_histories(tally, rule_lines(
        3, options='red, green, blue', ranked='yes'), all_orders(3, 16))
    print(f'{done} histories of up to 5 members: all agree')


# -- chance -----------------------------------------------------------------------


def random_rule(rng):
    count = rng.choice([rng.randint(1, 6)] * 3 + [rng.randint(7, 50)])
    strategy = rng.choice(['majority', 'unanimous', 'weighted', 'quorum'])
    names = [f'm{i}' for i in range(count)]
    weights = [str(rng.choice([1, 2, rng.randint(1, 9), 0.5, 0.000001,
                               rng.randint(1, 999999) / 1000, 1000000000]))
               for _ in names]
    weights = [f'{float(w):.6f}' for w in weights]
    lines = {'strategy': strategy, 'members': ', '.join(
        f'{n} {w}' for n, w in zip(names, weights))}
    kind = rng.choice(['plain'] * 4 + ['most', 'ranked'])
    if kind != 'plain':
        lines['options'] = ', '.join(
            ['red', 'green', 'blue', 'grey', 'pink'][:rng.randint(2, 5)])
    if kind == 'ranked':
        lines['ranked'] = 'yes'
        if strategy == 'unanimous':
            lines['strategy'] = 'majority'
    elif lines['strategy'] != 'unanimous' and rng.random() < 0.5:
        den = rng.randint(1, 12)
        num = rng.randint(1, den)
        above = '>' if num < den and rng.random() < 0.5 else ''
        lines['threshold'] = f'{above}{num}/{den}'
    for part in ('abstentions', 'silence'):
        if rng.random() < 0.3:
            lines[part] = rng.choice(['counted', 'aside'])
    if rng.random() < 0.3:
        lines['quorum'] = rng.choice([str(rng.randint(1, count)), '1/3', '75%'])
    if rng.random() < 0.25:
        lines['veto'] = ', '.join(rng.sample(names, rng.randint(1, min(3, count))))
    if rng.random() < 0.3:
        lines['leader'], lines['tie'] = rng.choice(names), 'leader'
    if rng.random() < 0.2:
        lines['final'] = 'yes'
    return lines


def random_ballots(rng, vote):
    words = vote.words()[:40]
    bias = rng.choice(words)
    ballots = []
    for _ in range(rng.randint(0, int(1.4 * len(vote.names)) + 1)):
        voter = rng.randrange(len(vote.names))
        word = bias if rng.random() < 0.5 else rng.choice(words)
        if vote.allowed(voter, word):
            ballots.append((voter, word))
    return ballots


def standing(vote, ballots):
    stand = [SILENT] * len(vote.names)
    for voter, word in ballots:
        if not (vote.final and stand[voter] != SILENT):
            stand[voter] = word
    return stand


def ways_on(rng, vote, stand):
    """Ways in which the silent can go on: all when there are few, else all of
    one mind, a lone veto, and some by chance."""
    silent = [i for i, word in enumerate(stand) if word == SILENT]
    words = vote.words()
    if (len(words) + 1) ** len(silent) <= 64:
        choices = itertools.product([SILENT] + words, repeat=len(silent))
    else:
        choices = [[word] * len(silent) for word in [SILENT] + words[:6]]
        choices += [[rng.choice(words) for _ in silent] for _ in range(3)]
    for choice in choices:
        on = list(stand)
        for voter, word in zip(silent, choice):
            on[voter] = word if vote.allowed(voter, word) else ABSTAIN
        yield on
    for voter in silent:
        if voter in vote.veto:
            yield [REJECT if i == voter else w for i, w in enumerate(stand)]


def check_early(rng, vote, ballots):
    """The outcome after these ballots, before the deadline."""
    stand = standing(vote, ballots)
    seen = {vote.at_deadline(on) for on in ways_on(rng, vote, stand)}
    if vote.ranked:
        outcome = vote.early_ranked(stand)
        assert outcome[0] == 'open' or seen == {outcome}, (vote.lines, stand)
        return outcome
    return seen.pop() if len(seen) == 1 else ('open', None)


def check_random(rng, vote, ballots, late, said):
    """None, or what the page says."""
    words = said.split()
    read = int(words[2])
    found = (words[0], words[3] if len(words) > 3 else None)
    small = len(vote.names) <= 5
    before = range(read) if small else {0, read - 1, rng.randrange(read + 1)}
    for upto in before:
        if 0 <= upto < read and (upto or vote.ranked or small):
            outcome = check_early(rng, vote, ballots[:upto])
            if upto and outcome[0] != 'open':
                return outcome_text(upto, outcome)
    # the ballot that decided, or none of them did
    outcome = check_early(rng, vote, ballots[:read]) if read else ('open', None)
    if outcome[0] == 'open' and read < len(ballots):
        return f'open after {read}'
    if outcome[0] == 'open' and late:
        outcome = vote.at_deadline(standing(vote, ballots))
    return None if outcome == found else outcome_text(read, outcome)


def by_chance(tally, count, seed):
    rng = random.Random(seed)
    cases = []
    for _ in range(count):
        lines = random_rule(rng)
        vote = Vote(lines)
        ballots = random_ballots(rng, vote)
        late = rng.random() < 0.5
        if ballots:
            lines['ballots'] = ', '.join(
                f'{vote.names[v]} {word_text(w)}' for v, w in ballots)
        if late:
            lines['deadline'] = 'passed'
        cases.append((vote, ballots, late))
    outcomes = {}
    answers = run(tally, (vote.lines for vote, _, _ in cases))
    for (vote, ballots, late), said in zip(cases, answers):
        if said.startswith('fault'):
            differ(vote.lines, said, 'a vote')
        want = check_random(rng, vote, ballots, late, said)
        if want:
            differ(vote.lines, said, want, f'  seed: {seed}\n')
        name = said.split()[0]
        outcomes[name] = outcomes.get(name, 0) + 1
    told = ', '.join(f'{n} {name}' for name, n in sorted(outcomes.items()))
    print(f'{count} votes of up to 50 members by chance, seed {seed}: all '
          f'agree ({told})')


# -- the page's examples -------------------------------------------------------------


def examples(path):
    text = open(path, encoding='utf-8').read()
    blocks = re.findall(r'```vote\n(.*?)```', text, re.S)
    for block in blocks:
        lines = dict(re.split(r': *', line, maxsplit=1)
                     for line in block.strip().split('\n'))
        vote = Vote(lines)
        table = Table(vote) if not vote.ranked else None
        ballots = []
        for ballot in split(lines['ballots']):
            name, word = ballot.split()
            word = word if word in (APPROVE, REJECT, ABSTAIN) else tuple(
                word.split('>'))
            ballots.append((vote.names.index(name), word))
        said = ('open', None)
        read = 0
        while read < len(ballots) and said[0] == 'open':
            read += 1
            stand = standing(vote, ballots[:read])
            if table:
                said = table.early(sum(
                    table.words.index(w) * table.base ** i
                    for i, w in enumerate(stand)))
            else:
                said = vote.early_ranked(stand)
        if said[0] == 'open' and lines.get('deadline') == 'passed':
            said = vote.at_deadline(standing(vote, ballots))
        want = lines['outcome'].split()
        if said[0] != want[0] or (len(want) > 1 and int(want[2]) != read):
            differ(lines, lines['outcome'], outcome_text(read, said))
    print(f'{len(blocks)} examples: the oracle agrees')


def main(args):
    if len(args) == 2 and args[0] in ('examples', 'tables', 'orders'):
        {'examples': examples, 'tables': tables,
         'orders': orders}[args[0]](args[1])
    elif len(args) == 4 and args[0] == 'random':
        by_chance(args[1], int(args[2]), int(args[3]))
    else:
        sys.exit(__doc__)


if __name__ == '__main__':
    main(sys.argv[1:])
