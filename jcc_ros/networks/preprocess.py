"""From a camera image of any size to the encoder's input size."""

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field


class Preprocess(BaseModel, frozen=True, extra="forbid"):
    """Resizes images to what an encoder was trained on.

    Attributes:
        height, width: of the result, pixels.
        fit: "crop" keeps the aspect ratio and the largest centred part that has the result's;
            "stretch" keeps the whole image.
    """

    height: int = Field(ge=8, le=1024)
    width: int = Field(ge=8, le=1024)
    fit: Literal["crop", "stretch"] = "crop"

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return RGB [height, width, 3] from RGB [h, w, 3]; the same pixels if the size fits."""
        if self.fit == "crop":
            image = self._crop(image)
        height, width = image.shape[:2]
        if (height, width) == (self.height, self.width):
            return image
        # Averaging over areas keeps what a smaller image can show; enlarging needs smoothness.
        shrinks = height >= self.height and width >= self.width
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        resized = cv2.resize(image, (self.width, self.height), interpolation=method)
        return resized.astype(np.uint8, copy=False)

    def _crop(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = image.shape[:2]
        kept_height = min(height, max(1, round(width * self.height / self.width)))
        kept_width = min(width, max(1, round(height * self.width / self.height)))
        top, left = (height - kept_height) // 2, (width - kept_width) // 2
        return image[top : top + kept_height, left : left + kept_width]
