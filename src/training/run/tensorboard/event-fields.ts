/**
 * Numbers of the fields in TensorFlow's event.proto, summary.proto, histogram.proto and tensor.proto and in the hparams
 * plugin's api.proto and plugin_data.proto, and of the values of their enumerations, as far as they are written here.
 */

export const eventProto = { wallTime: 1, step: 2, fileVersion: 3, summary: 5, sessionLog: 7 } as const;
export const sessionLogProto = { status: 1 } as const;
/** `SessionLog.SessionStatus` */
export const sessionStart = 1;
export const summaryProto = { value: 1 } as const;
export const valueProto = { tag: 1, simpleValue: 2, image: 4, histogram: 5, tensor: 8, metadata: 9 } as const;
export const metadataProto = { pluginData: 1 } as const;
export const pluginDataProto = { name: 1, content: 2 } as const;
export const imageProto = { encoded: 4 } as const;
export const histogramProto = { min: 1, max: 2, count: 3, sum: 4, squares: 5, limits: 6, counts: 7 } as const;
export const tensorProto = { dataType: 1, shape: 2, texts: 8 } as const;
/** `DataType.DT_STRING` */
export const stringType = 7;
export const shapeProto = { dimension: 2 } as const;
export const dimensionProto = { size: 1 } as const;

export const hparamsProto = { sessionStart: 3, sessionEnd: 4 } as const;
export const sessionStartProto = { hparams: 1, startTime: 5 } as const;
export const hparamProto = { key: 1, value: 2 } as const;
/** google.protobuf.Value */
export const hparamValueProto = { number: 2, text: 3, flag: 4 } as const;
export const sessionEndProto = { status: 1, endTime: 2 } as const;
/** `Status.STATUS_SUCCESS` */
export const success = 1;
