//! What the test files share: where the vectors lie and how they are read.
