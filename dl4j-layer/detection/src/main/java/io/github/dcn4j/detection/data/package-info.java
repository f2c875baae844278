/**
 * Images with boxes: folders of Pascal VOC and COCO as data sets of square images, image files of
 * any kind, and minibatches for a network.
 */
package io.github.dcn4j.detection.data;
