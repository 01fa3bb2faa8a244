/** Detections drawn on their image: labels are class name and score, or the score alone where there is one class only. */
import {decodeFile} from '../data/image.js';
import type {Detections} from '../detectors/detector.js';
import {type DrawingOptions, type DrawnObject, drawObjects} from './drawing.js';

export type DetectionsDrawingOptions = DrawingOptions & {
  /** Detections below this score are not drawn. */
  readonly minScore: number;
};

/**
 * A PNG of the image at `path`, as the network sees it: upright, in RGB, without alpha; with the detections on it, strongest
 * on top.
 * @param detections boxes in pixels of the image file, by falling score
 * @throws RunError when the file cannot be decoded.
 */
export async function drawDetections(
  path: string,
  detections: Detections,
  options: DetectionsDrawingOptions,
): Promise<Buffer> {
  return drawObjects(await decodeFile(path), detectedObjects(detections, options), options);
}

function detectedObjects(
  {boxes, scores, classes, masks}: Detections,
  {classNames, minScore}: DetectionsDrawingOptions,
): readonly DrawnObject[] {
  const indices = [...scores.keys()].filter(i => scores[i]! >= minScore);
  return indices.map((i): DrawnObject => {
    const classNumber = classes[i]!;
    const score = scores[i]!.toFixed(2);
    return {
      box: [boxes[4 * i]!, boxes[4 * i + 1]!, boxes[4 * i + 2]!, boxes[4 * i + 3]!],
      classNumber,
      label:
        classNames.length === 1 ? score : `${classNames[classNumber - 1] ?? `class ${classNumber}`} ${score}`,
      mask: masks?.[i],
    };
  });
}
