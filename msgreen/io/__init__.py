"""Files: tables, labelled datasets, and whatever else other programs read."""

from msgreen.io.atomic import replacing as replacing
from msgreen.io.atomic import writable_folder as writable_folder
from msgreen.io.datasets import dataset_of as dataset_of
from msgreen.io.datasets import interactions_of as interactions_of
from msgreen.io.datasets import read_netcdf as read_netcdf
from msgreen.io.datasets import write_netcdf as write_netcdf
from msgreen.io.netcdf import write_dataset as write_dataset
from msgreen.io.results import replacing_files as replacing_files
from msgreen.io.spin_programs import export as export
from msgreen.io.spin_programs import read_model as read_model
from msgreen.io.table import write_csv as write_csv
from msgreen.io.table import write_table as write_table
