import { consumerSpec } from './consumer.spec-file.js';
import { type FoundTopic, nearestTopic } from './nearest-topic.js';
import { type Place, extensionIn, placeOf } from './place.js';
import type { Options, Rule } from './tree.js';

/** `nest g -c nestjs-idempotent-mq consumer payment/card-issuing` */
export function consumer(options: Options): Rule {
  return (tree, { logger }) => {
    const place = placeOf(options);
    const topic = nearestTopic(tree, place.folder);
    const file = `${place.folder}/${place.kebab}.consumer`;
    tree.create(`${file}.ts`, consumerFile(place, topic));
    if (options.spec) {
      const spec = consumerSpec(place, topic, extensionIn(tree));
      tree.create(`${file}.${options.specFileSuffix}.ts`, spec);
    }
    logger.info(`It consumes ${topic.name}. List ${place.pascal}Consumer in the providers of a module.`);
    return tree;
  };
}

const consumerFile = (
  { kebab, pascal }: Place,
  topic: FoundTopic,
) => `import { Injectable } from '@nestjs/common';
import { DeliveryContext, IdempotentConsumer, type PayloadOf } from 'nestjs-idempotent-mq';
import { ${topic.name} } from '${topic.from}';

@Injectable()
export class ${pascal}Consumer {
  // The group is part of the contract, as the topic's name is.
  @IdempotentConsumer(${topic.name}, { group: '${kebab}' })
  async handle(payload: PayloadOf<typeof ${topic.name}>, delivery: DeliveryContext): Promise<void> {
    // What is written with delivery.manager commits with the ACK, once for each biz-id.
  }
}
`;
