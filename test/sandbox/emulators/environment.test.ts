import { describe, expect, it } from 'vitest';
import { scrubbedEnvironment } from '../../../sandbox/emulators/environment.ts';
import { host } from '../../../sandbox/emulators/host.ts';

const ENDPOINTS = { controlEndpoint: 'http://127.0.0.1:4600', fleetEndpoint: 'http://127.0.0.1:4601', region: 'eu-central-1', homeFolder: '/tmp/home' };
const person = {
  ...host,
  environment: {
    PATH: '/usr/bin',
    HOME: '/home/someone',
    AWS_PROFILE: 'production',
    AWS_ACCESS_KEY_ID: 'AKIAREAL',
    AWS_SECRET_ACCESS_KEY: 'real',
    AWS_SESSION_TOKEN: 'real',
    AWS_ENDPOINT_URL_SQS: 'https://sqs.eu-central-1.amazonaws.com',
    AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://169.254.170.2/',
    AWS_WEB_IDENTITY_TOKEN_FILE: '/token',
    HTTPS_PROXY: 'http://proxy',
    NODE_OPTIONS: '--inspect',
  },
};

describe('scrubbedEnvironment', () => {
  it('lets no profile, real key, endpoint, proxy or option of the person through', () => {
    const environment = scrubbedEnvironment(ENDPOINTS, 'platform', person);
    const aws = Object.keys(environment).filter((name) => name.startsWith('AWS_'));
    expect(aws.toSorted()).toEqual([
      'AWS_ACCESS_KEY_ID',
      'AWS_CONFIG_FILE',
      'AWS_DEFAULT_REGION',
      'AWS_EC2_METADATA_DISABLED',
      'AWS_ENDPOINT_URL',
      'AWS_ENDPOINT_URL_AUTO_SCALING',
      'AWS_ENDPOINT_URL_EC2',
      'AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2',
      'AWS_ENDPOINT_URL_KMS',
      'AWS_ENDPOINT_URL_ROUTE_53',
      'AWS_ENDPOINT_URL_SSM',
      'AWS_REGION',
      'AWS_SECRET_ACCESS_KEY',
      'AWS_SHARED_CREDENTIALS_FILE',
    ]);
    expect(environment['AWS_ACCESS_KEY_ID']).toBe('test');
    expect(environment['HOME']).toBe('/tmp/home');
    expect(environment['HTTPS_PROXY']).toBeUndefined();
    expect(environment['NODE_OPTIONS']).toBeUndefined();
  });

  it('puts the running Node first on the path', () => {
    expect(scrubbedEnvironment(ENDPOINTS, 'platform', person)['PATH']).toBe(`${host.nodeFolder}:/usr/bin`);
  });

  it('gives the deployer MiniStack for everything', () => {
    const endpoints = Object.entries(scrubbedEnvironment(ENDPOINTS, 'deployer', person)).filter(([name]) => name.startsWith('AWS_ENDPOINT_URL'));
    expect(endpoints).toEqual([['AWS_ENDPOINT_URL', ENDPOINTS.controlEndpoint]]);
  });
});
