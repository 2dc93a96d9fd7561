variable "bucket" {
  description = "Name of the intake bucket; of all buckets of AWS there is one of a name."
  type        = string
}

variable "sites" {
  description = "Names of sites, as in sites/*.yaml: each gets the prefix of its name."
  type        = set(string)

  validation {
    condition     = alltrue([for site in var.sites : can(regex("^[a-z0-9][a-z0-9-]{0,62}$", site))])
    error_message = "A site's name has lower case letters, digits and hyphens."
  }
}

variable "abort_days" {
  description = "Days after which multipart uploads that were never finished are aborted."
  type        = number
  default     = 7
}

variable "keep_versions_days" {
  description = "Days for which what was overwritten can be had back; then it is gone."
  type        = number
  default     = 30
}

variable "tags" {
  description = "Of all that is made."
  type        = map(string)
  default     = {}
}
