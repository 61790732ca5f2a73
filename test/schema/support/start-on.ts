import { Global, type INestApplicationContext, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { IdempotentMqModule, type IdempotentMqOptions } from '../../../src/index.js';

/** The library on a DataSource that outlives it, so that a start that fails leaves no connection open. */
export async function startOn(
  dataSource: DataSource,
  options: IdempotentMqOptions = {},
): Promise<INestApplicationContext> {
  const provider = { provide: getDataSourceToken(), useValue: dataSource };
  class Database {}
  Module({ providers: [provider], exports: [provider] })(Database);
  Global()(Database);
  const testing = await Test.createTestingModule({
    imports: [Database, IdempotentMqModule.forRoot(options)],
  }).compile();
  return testing.init();
}
