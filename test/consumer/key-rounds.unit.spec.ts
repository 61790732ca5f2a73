import { KeyRounds } from '../../src/consumer/key-rounds.js';

const key = (name: string) => Buffer.from(name);

describe('the rounds of a worker over its keys', () => {
  it('ask for nothing until there is a reason, and from the first key on then', () => {
    const rounds = new KeyRounds();
    expect(rounds.search).toBeUndefined();
    rounds.begin();
    expect(rounds.search).toMatchObject({ after: key(''), until: key('') });
  });

  it('go on where the last claim has come to, until every key was looked at once', () => {
    const rounds = new KeyRounds();
    rounds.begin();
    rounds.goOn(rounds.search!, { after: key('m'), exhausted: false });
    expect(rounds.search).toMatchObject({ after: key('m'), until: key('') });
    rounds.goOn(rounds.search!, { after: key(''), exhausted: true });
    expect(rounds.search).toBeUndefined();
  });

  it('begin the next one where the last one ended, so that each key gets its turn', () => {
    const rounds = new KeyRounds();
    rounds.begin();
    rounds.goOn(rounds.search!, { after: key('m'), exhausted: true });
    rounds.begin();
    expect(rounds.search).toMatchObject({ after: key('m'), until: key('m') });
  });

  it('do not end with a claim during which there was a new reason, also at the same key', () => {
    const rounds = new KeyRounds();
    rounds.begin();
    const search = rounds.search!;
    rounds.begin();
    rounds.goOn(search, { after: key(''), exhausted: true });
    expect(rounds.search).toMatchObject({ after: key(''), until: key('') });
  });

  it('give the greater half of the room to the one kind and the other in turn', () => {
    const rounds = new KeyRounds();
    rounds.begin();
    const first = rounds.search!;
    rounds.goOn(first, { after: key('m'), exhausted: false });
    expect(rounds.search!.first).toBe(!first.first);
  });
});
