import { type Place, placeOf } from './place.js';
import type { Options, Rule } from './tree.js';

/** `nest g -c nestjs-idempotent-mq topic payment.succeeded` */
export function topic(options: Options): Rule {
  return (tree) => {
    const place = placeOf(options);
    tree.create(`${place.folder}/${place.kebab}.topic.ts`, topicFile(place));
    return tree;
  };
}

const topicFile = ({ name, pascal }: Place) => `import { defineTopic } from 'nestjs-idempotent-mq';

export interface ${pascal}Payload {
  id: string;
}

export const ${pascal}Topic = defineTopic<${pascal}Payload>({
  name: '${name}', // the contract: keep it when code is renamed
  bizId: ({ id }) => id, // names one business act: repeats are known by it
});
`;
