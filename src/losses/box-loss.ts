/** The box loss of a stage over its foreground, before its normaliser. */
import * as tf from '@tensorflow/tfjs';
import type {BoxLoss} from '../config/stage.js';
import type {YoloBoxLoss} from '../config/yolov3.js';
import {balancedL1Sum} from './balanced-l1.js';
import {ghmRegression} from './ghm-r.js';
import {giouSum} from './giou.js';
import {iouSum} from './iou.js';
import {l1Sum} from './l1.js';
import type {Remember} from './running-sums.js';
import {smoothL1BoxSum} from './smooth-l1.js';

/** P foreground examples: what is predicted for them and what is wanted. All but the predictions are constants. */
export type ComparedBoxes = {
  readonly predicted: tf.Tensor2D; // deltas [P, 4]
  readonly target: Float32Array; // deltas [P, 4]
  /** The target as boxes. */
  readonly boxes: Float32Array; // [P, 4] XYXY
  /** The boxes that deltas of these examples make; differentiable. */
  readonly decode: (deltas: tf.Tensor2D) => tf.Tensor2D; // [P, 4] -> [P, 4] XYXY
  /** Of the pyramid, from 0; all 0 where a stage has no levels. */
  readonly level: Int32Array; // [P]
  readonly levels: number;
};

/** The loss summed over the foreground; 0 without any. The caller divides it, unless `normalisesItself`. */
export type BoxLossSum = (boxes: ComparedBoxes) => tf.Scalar;

/** @param remember for losses with running sums */
export function boxLoss(config: BoxLoss, remember: Remember): BoxLossSum {
  switch (config.kind) {
    case 'smooth-l1':
      return boxes => smoothL1BoxSum(config, boxes.predicted, deltasOf(boxes));
    case 'l1':
      return boxes => l1Sum(boxes.predicted, deltasOf(boxes));
    case 'balanced-l1':
      return boxes => balancedL1Sum(config, boxes.predicted, deltasOf(boxes));
    case 'iou':
      return boxes => iouSum(boxes.decode(boxes.predicted), boxesOf(boxes));
    case 'giou':
      return boxes => giouSum(boxes.decode(boxes.predicted), boxesOf(boxes));
    case 'ghm-r': {
      const sums = remember('bin_sums', config.bins);
      return boxes => ghmRegression(config, boxes, sums);
    }
  }
}

const deltasOf = ({target}: ComparedBoxes): tf.Tensor2D => tf.tensor2d(target, [target.length / 4, 4]);
const boxesOf = ({boxes}: ComparedBoxes): tf.Tensor2D => tf.tensor2d(boxes, [boxes.length / 4, 4]);

/** Terms that a loss adds for a box: one for each of its deltas, or one for the box. */
export function termsOfBox({kind}: BoxLoss | YoloBoxLoss): 1 | 4 {
  switch (kind) {
    case 'smooth-l1':
    case 'l1':
    case 'balanced-l1':
    case 'ghm-r':
    case 'darknet':
      return 4;
    case 'iou':
    case 'giou':
      return 1;
  }
}
