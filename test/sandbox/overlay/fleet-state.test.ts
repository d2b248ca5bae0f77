import { describe, expect, it } from 'vitest';
import { FleetState } from '../../../sandbox/overlay/fleet-state.ts';

const GROUP = 'arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/web/1';

describe('FleetState', () => {
  it('keeps the first registration when a target is registered again', () => {
    const state = new FleetState();
    state.register(GROUP, 'i-1', 1000);
    state.register(GROUP, 'i-1', 9000);
    expect(state.facts(GROUP, 'i-1').initialUntilMs).toBe(1000);
  });

  it('drains a registered target once and lists it until the delay is over', () => {
    const state = new FleetState();
    state.register(GROUP, 'i-1', 0);
    state.deregister(GROUP, 'i-1', 5000);
    state.deregister(GROUP, 'i-1', 9000);
    expect(state.draining(GROUP, 4999)).toEqual(['i-1']);
    expect(state.draining(GROUP, 5000)).toEqual([]);
  });

  it('does not drain what was never registered', () => {
    const state = new FleetState();
    state.deregister(GROUP, 'i-1', 5000);
    expect(state.draining(GROUP, 0)).toEqual([]);
  });

  it('ends the draining when the target is registered again', () => {
    const state = new FleetState();
    state.register(GROUP, 'i-1', 0);
    state.deregister(GROUP, 'i-1', 5000);
    state.register(GROUP, 'i-1', 2000);
    expect(state.draining(GROUP, 1000)).toEqual([]);
    expect(state.facts(GROUP, 'i-1')).toEqual({ isMarkedUnhealthy: false, initialUntilMs: 2000, drainingUntilMs: undefined });
  });

  it('marks an instance in all its groups and takes the mark back', () => {
    const state = new FleetState();
    state.markTarget('i-1', true);
    expect(state.facts('other', 'i-1').isMarkedUnhealthy).toBe(true);
    state.markTarget('i-1', false);
    expect(state.facts('other', 'i-1').isMarkedUnhealthy).toBe(false);
  });
});
